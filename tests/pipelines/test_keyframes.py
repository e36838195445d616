from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from openreels.conditioning.build import build
from openreels.conditioning.conditions import Given
from openreels.conditioning.keyframes import keyframe_positions, place_code
from openreels.conditioning.material import Material, gather
from openreels.conditioning.references import References
from openreels.conditioning.refine import Held
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.core.seeding import generator
from openreels.media.clip import Clip, pixels_of
from openreels.models.mmdit.model import MMDiT
from openreels.nn.patchify import patchify
from openreels.pipelines import denoise as module
from openreels.pipelines.cascade import refiner_of
from openreels.pipelines.fast import Distilled, FastBase
from openreels.pipelines.generate import generate
from openreels.pipelines.keyframes import (
    NONE_MADE,
    with_wanted_keyframes,
    without_keyframes,
)
from openreels.pipelines.refine import Prompt, encode_given, refine_latents
from openreels.pipelines.settings import MODES

SAMPLING = replace(MODES["fast"], num_steps=2)


def _stirred(network, amount):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def plain(components):
    """A model with a refiner whose base knows no keyframes."""
    torch.manual_seed(1)
    config = components.mmdit.config
    refiner = MMDiT(replace(config, audio_channels=0, residual=0.5, skip=True))
    return replace(components, refiner=_stirred(refiner, 0.02))


@pytest.fixture(scope="module")
def model(plain):
    """The same weights, whose config says that they were trained with keyframes."""
    mmdit = MMDiT(replace(plain.mmdit.config, keyframes=True))
    mmdit.load_state_dict(plain.mmdit.state_dict())
    return replace(plain, mmdit=mmdit.eval().requires_grad_(False))


def _request(**fields):
    start = {"prompt": "a red ball", "steps": 1, "duration_s": 1.0, "mode": "fast"}
    return GenerationRequest(**(start | {"resolution": "256p"} | fields))


def _conditions(model, request, material=None):
    material = gather(request) if material is None else material
    with torch.no_grad():
        low = build(replace(request, resolution="64p"), model, material)
        return low, with_wanted_keyframes(model, request, low, material)


def test_a_base_is_asked_only_where_it_has_learnt_them_and_a_refiner_takes_them(model, plain):
    low, wanted = _conditions(model, _request(duration_s=3.0))
    assert low.keyframes is None
    assert wanted.keyframes.places == (0, 8)
    assert wanted.keyframes.latents.shape == (1, 16, 2, 32, 32)
    assert not wanted.keyframes.known.any()
    assert wanted.notes[-1] == "the base made keyframes of 256x256 at 0, 2 s"
    for other, request in (
        (plain, _request()),
        (model, _request(resolution="64p")),
        (model, _request(refine=False)),
        (model, _request(kind="image", duration_s=None)),
        (model, _request(kind="audio")),
    ):
        low, same = _conditions(other, request)
        assert same is low


def test_a_request_may_refuse_them_and_is_told_where_there_are_none(model, plain):
    low, same = _conditions(model, _request(joint_keyframes=False))
    assert same is low
    for other, fields in (
        (plain, {}),
        (model, {"resolution": "64p"}),
        (model, {"kind": "image", "duration_s": None}),
    ):
        low, told = _conditions(other, _request(joint_keyframes=True, **fields))
        assert told.keyframes is None
        assert told.notes == (*low.notes, NONE_MADE)


def test_the_first_pass_of_a_larger_size_has_them_too(model):
    _, wanted = _conditions(model, _request(resolution="480p", aspect_ratio="16:9"))
    assert wanted.keyframes.grid == (1, 32, 56)


def test_without_keyframes_a_trained_base_gives_the_same_bytes(model, plain):
    for fields in ({"resolution": "64p"}, {"kind": "image", "duration_s": None}):
        results = [generate(one, _request(**fields)).clip for one in (model, plain)]
        assert np.array_equal(results[0].frames, results[1].frames)
        if results[0].waveform is not None:
            assert np.array_equal(results[0].waveform, results[1].waveform)


def test_noise_of_keyframes_has_its_own_seed(model):
    low, wanted = _conditions(model, _request(duration_s=3.0))
    bare, both = (module.draw_noise(model, one, 7) for one in (low, wanted))
    clip, keyframes = module.clip_and_keyframes(both.video, wanted)
    assert torch.equal(clip, bare.video)
    assert torch.equal(both.audio, bare.audio)
    expected = torch.randn((1, 16, 2, 32, 32), generator=generator(7, "noise", "keyframes"))
    assert torch.equal(keyframes, expected)
    assert module.clip_and_keyframes(bare.video, low) == (bare.video, None)


def test_tokens_stand_behind_the_clip_at_their_time_and_place(model):
    low, wanted = _conditions(model, _request(duration_s=3.0))
    noise = module.draw_noise(model, wanted, 0)
    inputs = module.branch_inputs(model, wanted, noise).video
    bare = module.branch_inputs(model, low, module.draw_noise(model, low, 0)).video
    count = bare.tokens.shape[1]
    assert torch.equal(inputs.tokens[:, :count], bare.tokens)
    assert torch.equal(inputs.positions[:, :count], bare.positions)
    expected = keyframe_positions((0, 8), wanted.shape, grid=(32, 32), patch=2)
    assert torch.equal(inputs.positions[0, count:], expected)
    assert expected[:, 0].unique().tolist() == [0.0, 2.0]
    # 16 tokens of 2x2 fine cells across the 8 low cells: every half cell.
    assert expected[:16, 2].tolist() == [0.25 + index / 2 for index in range(16)]
    channels = inputs.tokens[:, count:].unflatten(-1, (4, 33))
    code = patchify(place_code(wanted.keyframes.latents), 2).unflatten(-1, (4, 16))
    assert torch.equal(channels[..., 16:32], code)
    assert channels[..., 32].abs().max() == 0


def test_clip_sound_and_keyframes_are_made_in_one_pass(model):
    """A change of a keyframe's noise moves everything, one of the clip's moves the keyframes."""
    _, wanted = _conditions(model, _request(duration_s=3.0))
    denoiser = module.guided_denoiser(model, wanted, SAMPLING.rule)
    noise = module.draw_noise(model, wanted, 0)
    level = torch.tensor([0.5])
    start = denoiser(noise, level)
    clip, keyframes = module.clip_and_keyframes(start.video, wanted)
    for part in (slice(0, 100), slice(-100, None)):
        moved = noise.video.clone()
        moved[..., part] += 1.0
        after = denoiser(Joint(moved, noise.audio), level)
        others = module.clip_and_keyframes(after.video, wanted)
        assert not torch.equal(others[0], clip)
        assert not torch.equal(others[1], keyframes)
        assert not torch.equal(after.audio, start.audio)


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_padding_of_references_is_hidden_from_keyframes(model, sparsity):
    _, wanted = _conditions(model, _request(duration_s=2.0, sound=False))
    network = MMDiT(replace(model.mmdit.config, sparsity=sparsity))
    network.load_state_dict(model.mmdit.state_dict())
    made = []
    for value in (0.0, 5.0):
        present = torch.ones(1, 2, 8, 8, dtype=torch.bool)
        present[:, 1, 4:] = False
        latents = torch.where(present[:, None], torch.ones(1, 16, 2, 8, 8), torch.tensor(value))
        shown = References(latents=latents, present=present, tags=torch.tensor([[1, 2]]))
        conditions = replace(wanted, references=Joint(shown, None))
        one = replace(model, mmdit=network)
        denoiser = module.guided_denoiser(one, conditions, replace(SAMPLING.rule))
        with torch.no_grad():
            noise = module.draw_noise(one, conditions, 0)
            made.append(denoiser(noise, torch.tensor([0.5])).video)
    torch.testing.assert_close(made[0], made[1])


def test_what_is_given_of_a_keyframe_comes_back_as_it_is(model, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = picture.repeat(32, 0).repeat(32, 1)
    Image.fromarray(picture).save(tmp_path / "first.png")
    _, wanted = _conditions(
        model, _request(duration_s=3.0, first_frame=str(tmp_path / "first.png"))
    )
    assert wanted.keyframes.known[0].flatten(1).all(1).tolist() == [True, False]
    with torch.no_grad():
        made = module.denoise(model, wanted, SAMPLING, seed=1)
        expected = model.video_vae.encode(pixels_of(picture[None]))
    latents, held = without_keyframes(made, wanted)
    assert [place for place, _ in held] == [0, 16]
    torch.testing.assert_close(held[0][1], expected)
    assert latents.video.shape == (1, 16, 13, 8, 8)


@pytest.fixture
def source(tmp_path):
    """A clip of 256 pixels and 32 frames a second, as a file."""
    draw = np.random.default_rng(1)
    frames = draw.integers(0, 256, (89, 8, 8, 3), dtype=np.uint8).repeat(32, 1).repeat(32, 2)
    return str(Clip(frames=frames, fps=32).save(tmp_path / "source.mp4"))


def test_a_fine_source_is_given_outside_the_region(model, source, tmp_path):
    region = np.zeros((256, 256), dtype=np.uint8)
    region[64:160, 48:200] = 255
    Image.fromarray(region).save(tmp_path / "region.png")
    request = _request(edit=source, edit_region=str(tmp_path / "region.png"), duration_s=None)
    _, wanted = _conditions(model, request)
    assert wanted.keyframes.places == (0, 8)
    known = wanted.keyframes.known[0]
    assert known[:, :8].all()
    assert not known[:, 8:20, 6:25].any()
    filled = wanted.keyframes.latents.abs().amax(1)[0] > 0
    assert torch.equal(filled, known)
    low, same = _conditions(model, _request(prompt="make it blue", edit=source, duration_s=None))
    assert low.keyframes is None
    assert not same.keyframes.known.any()


def test_an_extension_has_none(model, source):
    low, same = _conditions(model, _request(extend=source))
    assert low.around.num_before > 0
    assert same is low


def test_the_refiner_gets_them_only_where_the_held_frames_say(model):
    request = _request(duration_s=3.0)
    _, wanted = _conditions(model, request)
    with torch.no_grad():
        made, held = without_keyframes(module.denoise(model, wanted, SAMPLING, seed=2), wanted)
        frames = torch.randint(0, 256, (49, 64, 64, 3), dtype=torch.uint8)
        refiner = refiner_of(model, request)
        shape = replace(wanted.shape, num_frames=97, height=256, width=256, fps=32)
        known = torch.zeros(97, 256, 256, dtype=torch.bool)
        known[:, :, 128:] = True
        fine = torch.zeros(97, 256, 256, 3, dtype=torch.uint8)
        bare = Held(source=fine, known=known)
        given = [
            encode_given(refiner, frames, shape, one) for one in (bare, replace(bare, latents=held))
        ]
    assert made.video.shape[2] == 13
    differs = (given[0].latents != given[1].latents).any(1)[0]
    assert differs.flatten(1).any(1).nonzero().flatten().tolist() == [0, 16]
    assert not differs[:, :, 16:].any()
    for place, latents in held:
        assert torch.equal(given[1].latents[0, :, place, :, :16], latents[0, :, 0, :, :16])
        assert given[1].known[0, place].all()
    assert torch.equal(given[0].imposed, given[1].imposed)
    others = [place for place in range(25) if place not in (0, 16)]
    assert torch.equal(given[0].known[:, others], given[1].known[:, others])


def test_a_refiner_that_adds_nothing_returns_them_where_they_are_held(model):
    """A new network predicts no velocity: what is refined is what was given, and the noise."""
    request = _request()
    refiner = refiner_of(replace(model, refiner=MMDiT(model.refiner.config).eval()), request)
    refiner.network.config = replace(model.refiner.config, skip=False)
    given = Given(
        latents=torch.randn(1, 16, 9, 8, 8),
        known=torch.zeros(1, 9, 8, 8, dtype=torch.bool),
        imposed=torch.zeros(1, 9, 8, 8, dtype=torch.bool),
    )
    changed = replace(given, latents=given.latents.clone(), known=given.known.clone())
    changed.latents[:, :, 4], changed.known[:, 4] = 2.0, True
    prompt = Prompt(context=torch.randn(1, 2, 32), mask=torch.ones(1, 2, dtype=torch.bool))
    with torch.no_grad():
        made = [refine_latents(refiner, one, prompt, fps=32, seed=0) for one in (given, changed)]
    torch.testing.assert_close(made[1] - made[0], changed.latents - given.latents)


def test_generate_asks_refines_and_tells(model, plain):
    request = _request()
    result, bare = generate(model, request), generate(plain, request)
    assert "the base made keyframes of 256x256 at 0 s" in result.metadata["notes"]
    assert not any("keyframes" in note for note in bare.metadata["notes"])
    assert result.clip.frames.shape == bare.clip.frames.shape == (33, 256, 256, 3)
    assert not np.array_equal(result.clip.frames[0], bare.clip.frames[0])
    again = generate(model, request)
    assert np.array_equal(again.clip.frames, result.clip.frames)
    assert np.array_equal(again.clip.waveform, result.clip.waveform)


def test_keyframes_come_from_the_material_that_was_read(model):
    """A picture in memory is given as one in a file is."""
    picture = torch.full((256, 256, 3), 90, dtype=torch.uint8)
    request = _request(first_frame="in memory.png")
    _, wanted = _conditions(model, request, Material(first_frame=picture))
    assert wanted.keyframes.known[:, 0].all()


def test_a_distilled_base_makes_none(model):
    mark = {"num_steps": 1, "shift": 1.0, "guidance_scale": 4.0, "audio_guidance_scale": 4.0}
    fast = FastBase(
        network=model.mmdit, distilled=Distilled(**mark, sync_guidance_scale=1.0, audio_lag=1.0)
    )
    made = generate(replace(model, fast=fast), _request())
    assert made.metadata["distilled"] is True
    assert not any("keyframes" in note for note in made.metadata["notes"])
    guided = generate(replace(model, fast=fast), _request(guidance_scale=4.0))
    assert any("the base made keyframes" in note for note in guided.metadata["notes"])
