"""Mode fast with a distilled file: its steps, no guidance, and what sends it back to the base."""

from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.pipelines import fast as module
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.settings import MODES
from openreels.weights.checkpoint import load_network, save_network
from openreels.weights.lora import save_lora

MARK = {
    "num_steps": 3,
    "shift": 2.0,
    "guidance_scale": 4.0,
    "audio_guidance_scale": 4.0,
    "sync_guidance_scale": 1.0,
    "audio_lag": 1.0,
}


@pytest.fixture(scope="module")
def folder(components, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fast")
    for name in ("mmdit", "video_vae", "audio_vae", "text_encoder"):
        save_network(folder / f"{name}.safetensors", getattr(components, name))
    student = MMDiT(components.mmdit.config, generator=torch.Generator().manual_seed(8))
    save_network(folder / module.FAST_FILE, student, metadata={"distilled": MARK})
    return folder


@pytest.fixture(scope="module")
def both(folder):
    return Components.load(folder)


class Rows:
    """Counts evaluations of a network and their rows."""

    def __init__(self, network):
        self.counts = []
        self.hook = network.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, network, args, kwargs):
        self.counts.append(args[1].shape[0])


def run(both, **fields):
    request = GenerationRequest(
        **({"prompt": "a ball", "duration_s": 1.0, "mode": "fast", "enhance": False} | fields)
    )
    base, quick = Rows(both.mmdit), Rows(both.fast.network)
    try:
        return generate(both, request), base.counts, quick.counts
    finally:
        base.hook.remove()
        quick.hook.remove()


@pytest.mark.parametrize("fields", [{}, {"sound": False}, {"kind": "audio"}, {"steps": 3}])
def test_fast_is_exactly_its_steps_without_guidance(both, fields):
    result, base, quick = run(both, **fields)
    assert (base, quick) == ([], [1, 1, 1])
    assert result.metadata["distilled"] is True
    assert (result.metadata["steps"], result.metadata["solver"]) == (3, "euler")
    assert result.metadata["guidance_scale"] == 1.0
    assert result.metadata["notes"] == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"guidance_scale": 6.0}, "guidance_scale"),
        ({"audio_guidance_scale": 1.0}, "audio_guidance_scale"),
        ({"sync_guidance_scale": 3}, "sync_guidance_scale"),
        ({"negative_prompt": "rain"}, "negative_prompt"),
        ({"steps": 2}, "steps"),
    ],
)
def test_what_it_cannot_do_runs_on_the_base_and_is_told(both, fields, named):
    result, base, quick = run(both, **fields)
    assert quick == []
    assert base == [2, 1] * fields.get("steps", MODES["fast"].num_steps)
    assert result.metadata["distilled"] is False
    assert f"so {named} had the base run" in result.metadata["notes"][0]


def write_changes(path, network, **story):
    """Random changes of rank 2, and the network with them in its weights."""
    config = LowRankConfig(rank=2, alpha=3.0)
    draw = torch.Generator().manual_seed(3)
    add_low_rank(network, config, generator=draw)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".up"):
                parameter.copy_(torch.randn(parameter.shape, generator=draw).half().float())
            if name.endswith(".down"):
                parameter.copy_(parameter.half().float())
    save_lora(path, network, low_rank_factors(network.state_dict()), config, metadata=story)
    return network


def test_changes_of_the_base_are_a_distilled_base_too(folder, components, tmp_path):
    for name in ("mmdit", "video_vae", "audio_vae", "text_encoder"):
        (tmp_path / f"{name}.safetensors").symlink_to(folder / f"{name}.safetensors")
    changed = write_changes(
        tmp_path / module.FAST_LORA_FILE,
        load_network(folder / "mmdit.safetensors", kind=MMDiT),
        distilled=MARK,
    )
    found = Components.load(tmp_path)
    for name, layer in changed.named_modules():
        if isinstance(layer, torch.nn.Linear):
            got = found.fast.network.get_submodule(name).weight
            torch.testing.assert_close(got, layer.weight, rtol=1e-4, atol=1e-5)
    for name, value in found.mmdit.state_dict().items():
        assert torch.equal(value, components.mmdit.state_dict()[name])
    result, base, quick = run(found)
    assert (base, quick) == ([], [1, 1, 1])
    assert result.metadata["distilled"] is True
    # Whole weights come first.
    (tmp_path / module.FAST_FILE).symlink_to(folder / module.FAST_FILE)
    whole = Components.load(tmp_path).fast.network.state_dict()
    student = load_network(folder / module.FAST_FILE).state_dict()
    assert all(torch.equal(whole[name], student[name]) for name in student)


def test_changes_that_were_not_distilled_are_refused(components, folder, tmp_path):
    path = tmp_path / module.FAST_LORA_FILE
    write_changes(path, load_network(folder / "mmdit.safetensors", kind=MMDiT))
    with pytest.raises(CheckpointError, match="without the mark"):
        module.find_fast(tmp_path, components.mmdit)


def test_changes_of_a_model_are_in_what_it_makes_and_in_its_name(folder, tmp_path):
    path = tmp_path / "look.safetensors"
    write_changes(path, load_network(folder / "mmdit.safetensors", kind=MMDiT))
    request = GenerationRequest(prompt="a ball", kind="image", steps=2, enhance=False)
    pictures = {}
    for scale in (None, 0.0, 1.0, 2.0):
        loras = () if scale is None else ((path, scale),)
        result = generate(Components.load(folder, loras=loras), request)
        pictures[scale] = result.clip.frames
        wanted = str(folder) if scale is None else f"{folder} + {scale:g} {path}"
        assert result.metadata["model"] == wanted
    assert torch.equal(torch.as_tensor(pictures[None]), torch.as_tensor(pictures[0.0]))
    assert not torch.equal(torch.as_tensor(pictures[1.0]), torch.as_tensor(pictures[0.0]))
    assert not torch.equal(torch.as_tensor(pictures[1.0]), torch.as_tensor(pictures[2.0]))


def test_other_modes_and_models_without_it_are_as_before(both, components):
    result, base, quick = run(both, mode="std")
    assert (base, quick) == ([2, 1] * MODES["std"].num_steps, [])
    assert result.metadata["notes"] == []
    plain = generate(
        components, GenerationRequest(prompt="a ball", duration_s=1.0, mode="fast", enhance=False)
    )
    assert plain.metadata["steps"] == MODES["fast"].num_steps
    assert plain.metadata["distilled"] is False


def test_references_need_a_student_that_knows_their_names(both, tmp_path):
    from openreels.media.image import write_image

    write_image(tmp_path / "a.png", torch.zeros(64, 64, 3, dtype=torch.uint8).numpy())
    config = replace(both.mmdit.config, num_tags=4)
    knowing = replace(both, mmdit=MMDiT(config).eval())
    from openreels.core.request import Reference

    fields = {
        "prompt": "@hero jumps",
        "references": (Reference(tag="@hero", images=(str(tmp_path / "a.png"),)),),
    }
    result, base, _ = run(knowing, **fields)
    assert base == [2, 1] * MODES["fast"].num_steps
    assert "references" in result.metadata["notes"][0]
    assert run(both, **fields)[2] == [1, 1, 1]


def test_its_sampling_is_straight_steps_between_its_levels():
    sampling = module.Distilled(**MARK).sampling
    assert (sampling.num_steps, sampling.stepper, sampling.shift) == (3, "euler", 2.0)
    assert sampling.guidance == Joint(1.0, 1.0)
    assert module.Distilled(**MARK | {"audio_lag": 4.0}).sampling.audio_lag == 4.0


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"shift": 0.0}, "shift positive"),
        ({"guidance_scale": 0.0}, "must be at least 1"),
        ({"sync_guidance_scale": 0.9}, "4, 4, 0.9 and 1"),
        ({"audio_lag": 0.5}, "audio_lag must be at least 1"),
    ],
)
def test_impossible_marks_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        module.Distilled(**(MARK | change))


def test_files_in_each_other_s_place_are_refused(components, tmp_path):
    for name in ("video_vae", "audio_vae", "text_encoder"):
        save_network(tmp_path / f"{name}.safetensors", getattr(components, name))
    save_network(tmp_path / "mmdit.safetensors", components.mmdit, metadata={"distilled": MARK})
    with pytest.raises(CheckpointError, match=r"must hold a base.*distilled for 3 steps"):
        Components.load(tmp_path)
    save_network(tmp_path / "mmdit.safetensors", components.mmdit)
    assert Components.load(tmp_path).fast is None
    quick = tmp_path / module.FAST_FILE
    save_network(quick, components.mmdit)
    with pytest.raises(CheckpointError, match="must hold distilled weights"):
        Components.load(tmp_path)
    save_network(quick, components.mmdit, metadata={"distilled": MARK | {"levels": 2}})
    with pytest.raises(CheckpointError, match="the mark 'distilled'"):
        Components.load(tmp_path)
    other = replace(components.mmdit.config, context_width=20)
    save_network(quick, MMDiT(other), metadata={"distilled": MARK})
    with pytest.raises(ValueError, match="must have the video_in"):
        Components.load(tmp_path)
