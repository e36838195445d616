"""References from a request to the tokens of both branches, and what guidance drops."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import Material
from openreels.conditioning.references import SOURCE, UNNAMED
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile
from openreels.diffusion.guidance import Guidance
from openreels.media.clip import pixels_of
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines import denoise as module

HERO = (Reference(tag="@hero", images=("1", "2")),)
SONG = (TaggedFile(tag="@song", path="s"),)
CLIP = TaggedFile(tag="@dance", path="c")


def _frames(count, height=64, width=64):
    draw = torch.Generator().manual_seed(count + height)
    return torch.randint(0, 256, (count, height, width, 3), generator=draw, dtype=torch.uint8)


def _wave(samples):
    draw = torch.Generator().manual_seed(samples)
    return torch.rand(2, samples, generator=draw) - 0.5


@pytest.fixture(scope="module")
def named(components):
    """The same model with names of references."""
    network = MMDiT(replace(components.mmdit.config, num_tags=10))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return replace(components, mmdit=network.eval().requires_grad_(False))


def _conditions(components, material, **fields):
    request = GenerationRequest(**({"prompt": "a"} | fields))
    with torch.no_grad():
        return build(request, components, material, num_tags=components.mmdit.config.num_tags)


def _voiced(components, **fields):
    fields = {
        "prompt": "@hero says <dialogue>ba</dialogue> <bgm>a waltz</bgm>@song",
        "references": HERO,
        "voices": (TaggedFile(tag="@hero", path="v"),),
        "audio_refs": SONG,
        "duration_s": 1.0,
    } | fields
    material = Material(
        references=((_frames(1)[0], _frames(1, 32, 64)[0]),),
        voices=(_wave(3000),),
        audio_refs=(_wave(2048),),
    )
    return _conditions(components, material, **fields)


def test_references_stand_before_zero_on_the_one_clock(named):
    conditions = _voiced(named)
    noise = module.draw_noise(named, conditions, 0)
    inputs = module.branch_inputs(named, conditions, noise)
    video, audio = inputs.video, inputs.audio
    before = video.tags[0] > 0
    # Two pictures: latent periods of a quarter of a second before the first frame.
    assert video.positions[0, before, 0].unique().tolist() == [-0.5, -0.25]
    assert video.positions[0, ~before, 0].unique().tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert video.tags[0, before].unique().tolist() == [3]
    # 3000 samples are three tokens, 2048 are two.
    assert audio.tags[0, :6].tolist() == [3, 3, 3, 4, 4, 0]
    expected = torch.arange(-5, 46) * 1024 / 44100
    torch.testing.assert_close(audio.positions[0, :, 0], expected)
    cells = inputs.video.positions[0, before][:16, 1:]
    torch.testing.assert_close(cells, video.positions[0, ~before][:16, 1:])


def test_a_reference_token_holds_the_clean_latent_twice_and_the_mask_of_what_is_given(named):
    conditions = _voiced(named)
    inputs = module.branch_inputs(named, conditions, module.draw_noise(named, conditions, 0))
    shown = inputs.video.attendable[0] & (inputs.video.tags[0] > 0)
    assert int(shown.sum()) == 16 + 8
    channels = inputs.video.tokens[0, shown].unflatten(-1, (4, 33))
    assert torch.equal(channels[..., :16], channels[..., 16:32])
    assert (channels[..., 32] == 1).all()
    hidden = ~inputs.video.attendable[0]
    assert int(hidden.sum()) == 8
    own = named.video_vae.encode(pixels_of(_frames(1).numpy()))
    assert torch.equal(conditions.references.video.latents[:, :, :1], own)


def test_padding_changes_no_output(named):
    conditions = _voiced(named)
    noise, sigma = module.draw_noise(named, conditions, 0), torch.tensor([0.6])
    plain = module.guided_denoiser(named, conditions, Guidance())(noise, sigma)
    seen = conditions.references.video
    junk = torch.where(seen.present[:, None], seen.latents, torch.full_like(seen.latents, 9.0))
    spoilt = replace(
        conditions,
        references=Joint(replace(seen, latents=junk), conditions.references.audio),
    )
    other = module.guided_denoiser(named, spoilt, Guidance())(noise, sigma)
    assert torch.equal(plain.video, other.video)
    assert torch.equal(plain.audio, other.audio)


def test_references_change_both_modalities_and_guidance_drops_them_with_the_text(named):
    conditions = _voiced(named)
    noise, sigma = module.draw_noise(named, conditions, 0), torch.tensor([0.7])
    without = replace(
        conditions,
        context=conditions.context[[1]],
        context_mask=conditions.context_mask[[1]],
        context_tags=conditions.context_tags[[1]],
        references=Joint(None, None),
    )
    words_alone = replace(conditions, references=Joint(None, None))
    off = Guidance()
    asked = module.guided_denoiser(named, conditions, off)(noise, sigma)
    absent = module.guided_denoiser(named, without, off)(noise, sigma)
    unseen = module.guided_denoiser(named, words_alone, off)(noise, sigma)
    guided = module.guided_denoiser(named, conditions, Guidance(scales=Joint(3.0, 2.0)))(
        noise, sigma
    )
    for name, scale in (("video", 3.0), ("audio", 2.0)):
        with_all, with_none = getattr(asked, name), getattr(absent, name)
        assert not torch.allclose(with_all, getattr(unseen, name), atol=1e-4)
        expected = with_none + scale * (with_all - with_none)
        # One batch of two sums in another order than two batches of one.
        torch.testing.assert_close(getattr(guided, name), expected, atol=1e-4, rtol=1e-4)


def test_the_mask_is_never_dropped(named):
    """With a region given, the row without the prompt sees the same channels I and M."""
    region = torch.zeros(17, 64, 64, dtype=torch.bool)
    region[:, :32] = True
    material = Material(clip=_frames(17), region=region, references=((_frames(1)[0],),))
    conditions = _conditions(
        named, material, prompt="@hero", edit="c", edit_region="m",
        references=(Reference(tag="@hero", images=("1",)),),
    )  # fmt: skip
    seen = []
    network = named.mmdit
    handle = network.register_forward_pre_hook(lambda module, args: seen.append(args))
    noise = module.draw_noise(named, conditions, 0)
    module.guided_denoiser(named, conditions, Guidance(scales=Joint(2.0, 2.0)))(
        noise, torch.tensor([0.5])
    )
    handle.remove()
    video = seen[0][0].video
    assert torch.equal(video.tokens[0], video.tokens[1])
    own = video.tags[1] == 0
    assert torch.equal(video.attendable[1], own)
    assert video.attendable[0].all()
    assert (
        seen[0][4].tolist()[1] == [0] * video.tokens.new_empty(conditions.context.shape[1]).numel()
    )


def test_the_source_of_an_edit_is_never_dropped(named):
    material = Material(clip=_frames(17), references=((_frames(1)[0],),))
    conditions = _conditions(
        named, material, prompt="make it like @hero", edit="c",
        references=(Reference(tag="@hero", images=("1",)),),
    )  # fmt: skip
    seen = []
    handle = named.mmdit.register_forward_pre_hook(lambda module, args: seen.append(args))
    noise = module.draw_noise(named, conditions, 0)
    module.guided_denoiser(named, conditions, Guidance(scales=Joint(2.0, 2.0)))(
        noise, torch.tensor([0.5])
    )
    handle.remove()
    video = seen[0][0].video
    assert video.attendable[0].all()
    tags = video.tags[1]
    assert set(tags[video.attendable[1]].tolist()) == {0, SOURCE}
    assert torch.equal(~video.attendable[1], tags == 3)


def test_the_order_of_views_of_one_subject_matters_by_place_and_of_subjects_by_name(named):
    two = (Reference(tag="@a", images=("1",)), Reference(tag="@b", images=("2",)))
    first, second = _frames(1)[0], _frames(1, 48, 64)[0]
    fields = {"prompt": "@a meets @b", "duration_s": 1.0, "sound": False}
    there = _conditions(named, Material(references=((first,), (second,))), references=two, **fields)
    back = _conditions(
        named, Material(references=((second,), (first,))), references=two[::-1], **fields
    )
    assert there.references.video.tags.tolist() == back.references.video.tags.tolist() == [[3, 4]]
    noise = module.draw_noise(named, there, 0)
    left, right = (
        module.guided_denoiser(named, one, Guidance())(noise, torch.tensor([0.5])).video
        for one in (there, back)
    )
    assert not torch.allclose(left, right, atol=1e-5)


def test_handles_in_the_prompt_have_the_numbers_of_their_references(named):
    conditions = _voiced(named)
    words = conditions.context_tags[0, conditions.context_mask[0]].tolist()
    assert words == [3, 0, 3, 4]
    assert conditions.context_tags[1].sum() == 0


@pytest.mark.parametrize(
    ("fields", "material", "video_tags", "hears"),
    [
        ({"references": HERO[:1], "prompt": "@hero"}, {"references": 2}, [3], True),
        ({"references": HERO, "prompt": "@hero", "sound": False}, {"references": 2}, [3], False),
        ({"grid": TaggedFile(tag="@g", path="g"), "prompt": "@g"}, {"grid": 1}, [3], True),
        ({"keyframes": (Keyframe(image="k"),)}, {"untimed": 1}, [UNNAMED], True),
        ({"audio_refs": SONG, "prompt": "@song"}, {"audio_refs": 1}, None, True),
        ({"audio_refs": SONG, "prompt": "@song", "kind": "audio"}, {"audio_refs": 1}, None, True),
        ({"ref_video": CLIP, "prompt": "@dance"}, {"follow": 9, "waveform": 1}, [3], False),
        ({"ref_video": CLIP, "prompt": "@dance"}, {"follow": 9}, [3], True),
        ({"edit": "c"}, {"clip": 9, "waveform": 1}, [SOURCE], True),
        ({"edit": "c", "keep_audio": True}, {"clip": 9, "waveform": 1}, [SOURCE], False),
        (
            {"edit": "c", "references": HERO, "prompt": "put @hero into @video_1"},
            {"clip": 9, "references": 2},
            [SOURCE, 3],
            True,
        ),
        (
            {"edit": "c", "edit_region": "m", "references": HERO, "prompt": "@hero"},
            {"clip": 9, "references": 2, "region": 1},
            [3],
            True,
        ),
        (
            {"kind": "image", "references": HERO, "prompt": "@hero"},
            {"references": 2},
            [3],
            False,
        ),
        ({"kind": "image", "edit": "c"}, {"clip": 1}, [SOURCE], False),
        (
            {"edit": "c", "ref_video": CLIP, "prompt": "@video_1 moves like @dance"},
            {"clip": 13, "follow": 9, "waveform": 1},
            [SOURCE, 3],
            True,
        ),
        (
            {"edit": "c", "edit_region": "m", "ref_video": CLIP, "prompt": "moves like @dance"},
            {"clip": 9, "follow": 9, "region": 1},
            [3],
            True,
        ),
    ],
)
def test_every_row_reaches_its_branches(named, fields, material, video_tags, hears):
    makers = {
        "references": lambda count: (tuple(_frames(1)[0] for _ in range(count)),),
        "grid": lambda _: _frames(1, 128, 128)[0],
        "untimed": lambda count: (_frames(1)[0],) * count,
        "audio_refs": lambda _: (_wave(2048),),
        "clip": _frames,
        "follow": _frames,
        "waveform": lambda _: _wave(20_000),
        "region": lambda _: _frames(1)[..., 0] > 200,
    }
    given = Material(**{name: makers[name](count) for name, count in material.items()})
    conditions = _conditions(named, given, **fields)
    shown = conditions.references.video
    assert (None if shown is None else sorted(set(shown.tags[0].tolist()))) == video_tags
    assert conditions.sound == hears
    assert (conditions.references.audio is not None) == ("audio_refs" in fields)
    calls = []
    handle = named.mmdit.audio.token_in.register_forward_hook(lambda *_: calls.append(1))
    noise = module.draw_noise(named, conditions, 0)
    made = module.guided_denoiser(named, conditions, Guidance())(noise, torch.tensor([0.5]))
    handle.remove()
    assert bool(calls) == hears
    for name in ("video", "audio"):
        wanted, got = getattr(noise, name), getattr(made, name)
        assert (wanted is None) == (got is None)
        assert wanted is None or (got.shape == wanted.shape and bool(got.isfinite().all()))


def test_voices_are_not_used_where_the_sound_of_the_clip_is_kept(named):
    fields = {"ref_video": CLIP, "prompt": "@dance @song", "audio_refs": SONG}
    material = Material(follow=_frames(9), waveform=_wave(9_000), audio_refs=(_wave(2048),))
    conditions = _conditions(named, material, **fields)
    assert conditions.references.audio is None
    assert "voices and sounds are not used" in conditions.notes[-1]
    assert np.isfinite(conditions.around.sound.waveform.numpy()).all()
