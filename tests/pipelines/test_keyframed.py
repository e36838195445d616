from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import gather
from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.nn.patchify import patchify
from openreels.pipelines.denoise import Beside, denoise
from openreels.pipelines.generate import generate
from openreels.pipelines.keyframed import (
    KEYFRAMES_FILE,
    LAG,
    RESIDUAL,
    KeyframeChanges,
    find_keyframed,
)
from openreels.pipelines.keyframes import made_beside, with_wanted_keyframes, without_keyframes
from openreels.pipelines.settings import sampling_of
from openreels.pipelines.shots import Cutting
from openreels.weights.lora import read_lora, save_lora

LAYER = "video.token_in"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, components):
    folder = tmp_path_factory.mktemp("keyframed")
    weight = dict(components.mmdit.named_parameters())[f"{LAYER}.weight"]
    torch.manual_seed(2)
    factors = {
        f"{LAYER}.lora_A.weight": torch.randn(1, weight.shape[1]),
        f"{LAYER}.lora_B.weight": torch.randn(weight.shape[0], 1),
    }
    save_lora(folder / KEYFRAMES_FILE, components.mmdit, factors, LowRankConfig(rank=1, alpha=1.0))
    return folder


@pytest.fixture(scope="module")
def changes(folder, components):
    return find_keyframed(folder, components.mmdit)


def test_a_base_gets_the_changes_and_makes_keyframes_and_stays_as_it_is(changes, components):
    base = components.mmdit
    before = {name: value.clone() for name, value in base.state_dict().items()}
    changed = changes.on(base)
    assert changed.config == replace(base.config, keyframes=True)
    assert not base.config.keyframes
    tensors, _ = read_lora(changes.path)
    product = tensors[f"{LAYER}.lora_B.weight"].float() @ tensors[f"{LAYER}.lora_A.weight"].float()
    for name, value in changed.state_dict().items():
        assert torch.equal(base.state_dict()[name], before[name])
        expected = before[name] + product if name == f"{LAYER}.weight" else before[name]
        torch.testing.assert_close(value, expected)
    assert not any(parameter.requires_grad for parameter in changed.parameters())


def test_a_base_that_makes_them_stays_itself(changes, components):
    base = MMDiT(replace(components.mmdit.config, keyframes=True))
    assert changes.on(base) is base


def test_a_folder_need_not_have_them_and_they_must_fit(folder, tmp_path, components):
    assert find_keyframed(tmp_path, components.mmdit) is None
    config = components.mmdit.config
    other = MMDiT(replace(config, width=2 * config.width, num_heads=2 * config.num_heads))
    with pytest.raises(CheckpointError, match=KEYFRAMES_FILE):
        find_keyframed(folder, other)


@pytest.fixture(scope="module")
def model(components, changes):
    torch.manual_seed(1)
    refiner = MMDiT(replace(components.mmdit.config, audio_channels=0, residual=0.5, skip=True))
    refiner = refiner.eval().requires_grad_(False)
    return replace(components, refiner=refiner, keyframed=changes)


def _notes(model, **fields):
    start = {"prompt": "a red ball", "steps": 1, "duration_s": 1.0, "resolution": "256p"}
    result = generate(model, GenerationRequest(**(start | fields)))
    return result.clip, [note for note in result.metadata["notes"] if "keyframes" in note]


def test_they_run_for_refined_clips_that_ask_for_them_and_for_no_other(model, components):
    bare = _notes(replace(model, keyframed=None))[0]
    clip, notes = _notes(model, joint_keyframes=True)
    assert notes == ["the base made keyframes of 256x256 at 0 s"]
    assert not np.array_equal(clip.frames, bare.frames)
    assert np.array_equal(clip.waveform, bare.waveform)
    for fields in ({}, {"joint_keyframes": False}):
        same, notes = _notes(model, **fields)
        assert notes == []
        assert np.array_equal(same.frames, bare.frames)
        assert np.array_equal(same.waveform, bare.waveform)
    _, notes = _notes(model, joint_keyframes=True, resolution="64p")
    assert [note.split(":")[0] for note in notes] == ["no keyframes were made"]


@pytest.mark.parametrize("fields", [{}, {"sound": False}, {"steps": 3, "duration_s": 2.5}])
def test_clip_and_sound_beside_them_are_those_without(model, fields):
    start = {"prompt": "a red ball", "steps": 2, "duration_s": 1.0, "joint_keyframes": True}
    request = GenerationRequest(**(start | fields), resolution="256p")
    material = gather(replace(request, resolution="64p"))
    sampling = sampling_of(request)
    with torch.no_grad():
        low = build(replace(request, resolution="64p"), model, material)
        wanted = with_wanted_keyframes(model, request, low, material)
        beside = made_beside(model, model.mmdit, wanted)
        bare = denoise(model, low, sampling, seed=4)
        made, held = without_keyframes(
            denoise(model, wanted, sampling, seed=4, beside=beside), wanted
        )
        other, _ = without_keyframes(denoise(model, wanted, sampling, seed=4), wanted)
    assert len(held) == len(wanted.keyframes.places)
    assert all(one.std() > 0 for _, one in held)
    assert torch.equal(made.video, bare.video)
    assert not torch.equal(other.video, bare.video)
    assert (bare.audio is None) == (made.audio is None) == (request.sound is False)
    if bare.audio is not None:
        assert torch.equal(made.audio, bare.audio)


class _Exact(MMDiT):
    """Knows the keyframes, and gives the velocity that leads there from its own level."""

    clean: torch.Tensor

    def forward(self, inputs, context, context_mask, sigma, context_tags=None, *, sparsity=None):
        tokens = inputs.video.tokens
        velocity = torch.zeros(*tokens.shape[:2], self.config.video_out)
        count = self.clean.shape[1]
        noisy = tokens[:, -count:].unflatten(-1, (4, 33))[..., :16].flatten(2)
        velocity[:, -count:] = (noisy - self.clean) / sigma.video[:, None, None]
        audio = None if inputs.audio is None else torch.zeros_like(inputs.audio.tokens)
        return Joint(velocity, audio)


@pytest.mark.parametrize("lag", [1.0, 8.0])
def test_keyframes_that_lag_arrive_where_their_velocity_leads(model, lag):
    request = GenerationRequest(
        prompt="a", duration_s=1.0, resolution="256p", joint_keyframes=True, steps=4
    )
    material = gather(replace(request, resolution="64p"))
    clean = torch.randn(1, 16, 1, 32, 32, generator=torch.Generator().manual_seed(5))
    network = _Exact(model.mmdit.config)
    network.clean = patchify(clean, 2)
    with torch.no_grad():
        low = build(replace(request, resolution="64p"), model, material)
        wanted = with_wanted_keyframes(model, request, low, material)
        beside = Beside(network=network, lag=lag)
        sampling = replace(sampling_of(request), stepper="euler")
        made, held = without_keyframes(
            denoise(model, wanted, sampling, seed=4, beside=beside), wanted
        )
        bare = denoise(model, low, sampling, seed=4)
    torch.testing.assert_close(held[0][1], clean, atol=1e-4, rtol=1e-4)
    assert torch.equal(made.video, bare.video)


def test_a_run_tells_how_far_they_lag_and_what_their_residual_is(changes, components):
    assert changes.lag == 1.0
    told = replace(changes.header, metadata={LAG: 8.0, RESIDUAL: 0.25})
    other = replace(changes, header=told)
    assert other.lag == 8.0
    network = other.on(components.mmdit)
    assert network.config == replace(components.mmdit.config, keyframes=True, residual=0.25)
    assert Beside(network=network).residual == 0.25


def test_a_base_of_its_own_makes_both(model):
    trained = MMDiT(replace(model.mmdit.config, keyframes=True))
    request = GenerationRequest(prompt="a", duration_s=1.0, resolution="256p")
    own = replace(model, mmdit=trained.requires_grad_(False))
    material = gather(replace(request, resolution="64p"))
    low = build(replace(request, resolution="64p"), own, material)
    wanted = with_wanted_keyframes(own, request, low, material)
    assert wanted.keyframes is not None
    assert made_beside(own, own.mmdit, wanted) is None


def test_several_shots_have_none(model):
    shots = Cutting(mmdit=model.mmdit, text_encoder=model.text_encoder)
    assert replace(model, shots=shots).cutting.keyframed is None
    assert isinstance(model.keyframed, KeyframeChanges)
