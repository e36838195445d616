from dataclasses import replace

import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import Material
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest, Keyframe
from openreels.diffusion.cache import StepCache
from openreels.diffusion.guidance import Guidance
from openreels.diffusion.lag import from_clock, lagging_level, velocity_on_clock
from openreels.pipelines import denoise as module
from openreels.pipelines.settings import MODES

SAMPLING = replace(MODES["fast"], num_steps=2, guidance=Joint(4.0, 4.0), sync=1.0)


def _conditions(components, material=None, **fields):
    request = GenerationRequest(**({"prompt": "a red ball", "duration_s": 1.0} | fields))
    with torch.no_grad():
        return build(request, components, Material() if material is None else material)


def _clip(count, height=64, width=64):
    draw = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, height, width, 3), generator=draw, dtype=torch.uint8)


def _region(count):
    region = torch.zeros(count, 64, 64, dtype=torch.bool)
    region[:, 16:48, 16:48] = True
    return region


def _case(name):
    picture = _clip(1)[0]
    return {
        "t2av": ({}, Material()),
        "t2v": ({"sound": False}, Material()),
        "t2a": ({"kind": "audio"}, Material()),
        "t2i": ({"kind": "image", "duration_s": None}, Material()),
        "first": ({"first_frame": "a"}, Material(first_frame=picture)),
        "last": ({"last_frame": "a"}, Material(last_frame=picture)),
        "first_last": (
            {"first_frame": "a", "last_frame": "b"},
            Material(first_frame=picture, last_frame=picture),
        ),
        "keyframes": (
            {"keyframes": (Keyframe(image="a", time_s=0.5),)},
            Material(keyframes=((0.5, picture),)),
        ),
        "extend": ({"extend": "a"}, Material(clip=_clip(5))),
        "extend_before": ({"extend": "a", "extend_before": True}, Material(clip=_clip(4))),
        "inpaint_fixed": (
            {"edit": "a", "edit_region": "m", "duration_s": None},
            Material(clip=_clip(17), region=_region(17)),
        ),
        "outpaint": (
            {"edit": "a", "aspect_ratio": "16:9", "duration_s": None},
            Material(clip=_clip(17)),
        ),
    }[name]


# Seconds of the latents that are given whole, for 17 frames or what each task makes of its clip.
GIVEN_S = {
    "t2av": [],
    "t2v": [],
    "t2a": None,
    "t2i": [],
    "first": [0.0],
    "last": [1.0],
    "first_last": [0.0, 1.0],
    "keyframes": [0.5],
    "extend": [0.0, 0.25],
    "extend_before": [1.25],
    "inpaint_fixed": [],
    "outpaint": [],
}


@pytest.mark.parametrize("name", GIVEN_S)
def test_what_each_task_shows_the_branches(components, name):
    fields, material = _case(name)
    conditions = _conditions(components, material, **fields)
    assert conditions.task.name == name
    noise = module.draw_noise(components, conditions, 0)
    inputs = module.branch_inputs(components, conditions, noise)
    hears = name not in ("t2v", "t2i")
    assert (inputs.audio is not None) == hears
    assert (inputs.video is None) == (name == "t2a")
    if inputs.audio is not None:
        # Audio is pure noise in every task, a token every 1024 samples from 0 s on.
        assert inputs.audio.tokens.shape[1] == conditions.shape.num_audio_tokens
        assert torch.equal(inputs.audio.tokens, noise.audio.mT)
        seconds = inputs.audio.positions[0, :, 0]
        torch.testing.assert_close(seconds, torch.arange(len(seconds)) * 1024 / 44100)
    if inputs.video is None:
        return
    mask = inputs.video.tokens[0].unflatten(-1, (4, -1))[..., -1]
    whole = mask.bool().all(-1)
    rows = conditions.shape.latent_height * conditions.shape.latent_width // 4
    frames = whole.reshape(-1, rows).all(-1)
    seconds = inputs.video.positions[0, ::rows, 0]
    assert seconds[frames].tolist() == GIVEN_S[name]
    if name == "inpaint_fixed":
        assert whole.reshape(-1, 4, 4)[:, 1:3, 1:3].any() == 0
        assert whole.sum() == 5 * 12
    if name == "outpaint":
        columns = inputs.video.positions[0, whole, 2]
        assert columns.unique().tolist() == [5.0, 7.0, 9.0]


@pytest.mark.parametrize("name", ["first", "first_last", "extend", "inpaint_fixed", "outpaint"])
def test_known_latents_are_returned_unchanged(components, name):
    fields, material = _case(name)
    conditions = _conditions(components, material, **fields)
    with torch.no_grad():
        latents = module.denoise(components, conditions, SAMPLING, seed=3)
    held = conditions.given.imposed[:, None].expand_as(latents.video)
    assert held.any()
    assert torch.equal(latents.video[held], conditions.given.latents[held])
    free = ~conditions.given.known[:, None].expand_as(latents.video)
    assert not torch.isclose(latents.video[free], conditions.given.latents[free]).all()


def test_a_still_inside_the_clip_is_not_put_back(components):
    conditions = _conditions(components, _case("last")[1], last_frame="a")
    with torch.no_grad():
        latents = module.denoise(components, conditions, SAMPLING, seed=3)
    assert not torch.equal(latents.video[:, :, -1], conditions.given.latents[:, :, -1])


def test_noise_of_one_modality_does_not_depend_on_the_other(components):
    both = module.draw_noise(components, _conditions(components), 5)
    silent = module.draw_noise(components, _conditions(components, sound=False), 5)
    heard = module.draw_noise(components, _conditions(components, kind="audio"), 5)
    assert torch.equal(both.video, silent.video)
    assert torch.equal(both.audio, heard.audio)
    assert silent.audio is None
    assert heard.video is None
    other = module.draw_noise(components, _conditions(components), 6)
    assert not torch.equal(both.video, other.video)


def test_guidance_in_one_batch_equals_two_evaluations(components):
    conditions = _conditions(components, negative_prompt="rain and snow")
    noise = module.draw_noise(components, conditions, 0)
    sigma = torch.tensor([0.7])
    swapped = replace(
        conditions,
        context=conditions.context[[1]],
        context_mask=conditions.context_mask[[1]],
        context_tags=conditions.context_tags[[1]],
    )
    with torch.no_grad():
        off = Guidance()
        with_prompt = module.guided_denoiser(components, conditions, off)(noise, sigma)
        without = module.guided_denoiser(components, swapped, off)(noise, sigma)
        guided = module.guided_denoiser(components, conditions, Guidance(scales=Joint(3.0, 2.0)))(
            noise, sigma
        )
    for name, scale in (("video", 3.0), ("audio", 2.0)):
        prompt, absent = getattr(with_prompt, name), getattr(without, name)
        assert not torch.allclose(prompt, absent)
        # One batch of two sums in another order than two batches of one.
        expected = absent + scale * (prompt - absent)
        torch.testing.assert_close(getattr(guided, name), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["t2av", "t2v", "t2a", "t2i", "first", "inpaint_fixed"])
def test_the_step_cache_leaves_evaluations_out_of_every_task(components, name):
    fields, material = _case(name)
    conditions = _conditions(components, material, **fields)
    plain = replace(SAMPLING, num_steps=8, audio_lag=1.0)
    cached = replace(plain, cache=StepCache(threshold=1.0))
    small = replace(plain, cache=StepCache(threshold=1e-12))
    counts, made = [], []
    for sampling in (plain, small, cached):
        calls = []
        hook = components.mmdit.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        with torch.no_grad():
            made.append(module.denoise(components, conditions, sampling, seed=3))
        hook.remove()
        counts.append(len(calls))
    assert counts[:2] == [8, 8]
    assert counts[2] < 8
    for exact, other, approximate in zip(*(vars_of(one) for one in made), strict=True):
        assert torch.equal(exact, other)
        assert not torch.equal(exact, approximate)
        assert (approximate - exact).norm() < 0.5 * exact.norm()
    if name == "inpaint_fixed":
        held = conditions.given.imposed[:, None].expand_as(made[2].video)
        assert torch.equal(made[2].video[held], conditions.given.latents[held])


def test_the_step_cache_leaves_evaluations_out_where_audio_lags(components):
    conditions = _conditions(components)
    plain = replace(SAMPLING, num_steps=24, audio_lag=8.0)
    cached = replace(plain, cache=StepCache(threshold=0.5))
    calls = []
    hook = components.mmdit.register_forward_pre_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        made = [module.denoise(components, conditions, plain, seed=3)]
        assert len(calls) == 24
        made.append(module.denoise(components, conditions, cached, seed=3))
    hook.remove()
    assert len(calls) < 48
    for exact, approximate in zip(*(vars_of(one) for one in made), strict=True):
        assert 0 < (approximate - exact).norm() < 0.15 * exact.norm()


def vars_of(sample):
    return [one for one in (sample.video, sample.audio) if one is not None]


def test_progress_counts_the_steps(components):
    told = []
    conditions = _conditions(components, kind="audio")
    with torch.no_grad():
        module.denoise(
            components, conditions, SAMPLING, seed=0, progress=lambda *step: told.append(step)
        )
    assert told == [(1, 2), (2, 2)]


def test_lagging_audio_is_asked_at_its_own_level(components):
    conditions = _conditions(components)
    noise = module.draw_noise(components, conditions, 0)
    sigma, lag = torch.tensor([0.6]), 4.0
    noisy = Joint(noise.video, from_clock(noise.audio, sigma, lag))
    inputs = module.branch_inputs(components, conditions, noisy)
    with torch.no_grad():
        made = module.guided_denoiser(components, conditions, Guidance(), audio_lag=lag)(
            noise, sigma
        )
        asked = components.mmdit(
            *(inputs, conditions.context[:1], conditions.context_mask[:1]),
            Joint(sigma, lagging_level(sigma, lag)),
        )
    expected = velocity_on_clock(asked.audio.mT, noisy.audio, sigma, lag)
    torch.testing.assert_close(made.audio, expected)
    plain = module.guided_denoiser(components, conditions, Guidance())(noisy, sigma)
    assert not torch.allclose(made.video, plain.video)


@pytest.mark.parametrize("fields", [{"kind": "audio"}, {"sound": False}])
def test_one_modality_alone_has_nothing_to_lag_behind(components, fields):
    conditions = _conditions(components, **fields)
    with torch.no_grad():
        plain = module.denoise(components, conditions, SAMPLING, seed=1)
        lagging = module.denoise(components, conditions, replace(SAMPLING, audio_lag=4.0), seed=1)
    for one, other in ((plain.video, lagging.video), (plain.audio, lagging.audio)):
        assert (one is None and other is None) or torch.equal(one, other)


def test_sound_follows_the_picture_by_what_it_hears_without_one(components):
    conditions = _conditions(components)
    noise, sigma = module.draw_noise(components, conditions, 0), torch.tensor([0.6])
    inputs = module.branch_inputs(components, conditions, noise)
    rule = Guidance(scales=Joint(3.0, 2.0))
    with torch.no_grad():
        plain = module.guided_denoiser(components, conditions, rule)(noise, sigma)
        pulled = module.guided_denoiser(components, conditions, replace(rule, sync=4.0))(
            noise, sigma
        )
        prompt = (conditions.context[:1], conditions.context_mask[:1], sigma)
        seeing = components.mmdit(inputs, *prompt).audio.mT
        blind = components.mmdit(Joint(None, inputs.audio), *prompt).audio.mT
    assert torch.equal(pulled.video, plain.video)
    torch.testing.assert_close(pulled.audio, plain.audio + 3 * (seeing - blind))
    assert (seeing - blind).norm() > 1e-3 * seeing.norm()


@pytest.mark.parametrize("fields", [{"kind": "audio"}, {"sound": False}])
def test_one_modality_alone_follows_nothing(components, fields):
    conditions = _conditions(components, **fields)
    with torch.no_grad():
        plain = module.denoise(components, conditions, replace(SAMPLING, sync=1.0), seed=1)
        pulled = module.denoise(components, conditions, replace(SAMPLING, sync=4.0), seed=1)
    for one, other in ((plain.video, pulled.video), (plain.audio, pulled.audio)):
        assert (one is None and other is None) or torch.equal(one, other)
