import dataclasses

import pytest
import torch

from openreels.conditioning.build import build, still_latent
from openreels.conditioning.material import Material
from openreels.conditioning.tasks import TASKS
from openreels.core.request import GenerationRequest, Keyframe
from openreels.media.clip import pixels_of
from openreels.models.audio_vae import presets as audio_presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE


@dataclasses.dataclass(frozen=True)
class Encoders:
    text_encoder: PromptEncoder
    video_vae: VideoVAE
    audio_vae: AudioVAE


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    vae = VideoVAE(video_presets.tiny()).requires_grad_(False).eval()
    sound = AudioVAE(audio_presets.tiny()).requires_grad_(False).eval()
    return Encoders(PromptEncoder(text_presets.tiny()).eval(), vae, sound)


def _request(**fields):
    fields = {"prompt": "a red ball bounces", "duration_s": 1.0} | fields
    return GenerationRequest(**fields)


def _picture(seed=0, height=64, width=64, count=None):
    draw = torch.Generator().manual_seed(seed)
    size = (height, width, 3) if count is None else (count, height, width, 3)
    return torch.randint(0, 256, size, generator=draw, dtype=torch.uint8)


def _frames_given(conditions):
    known = conditions.given.known[0].flatten(1)
    assert torch.equal(known.all(1), known.any(1))
    return known.all(1).nonzero().flatten().tolist()


def _black(conditions, encoders):
    return encoders.video_vae.encode(
        torch.full((1, 3, conditions.shape.num_frames, *_size(conditions)), -1.0)
    )


def _size(conditions):
    return conditions.shape.height, conditions.shape.width


def test_text_gives_nothing_and_black_stands_everywhere(encoders):
    conditions = build(_request(aspect_ratio="16:9"), encoders, Material())
    assert conditions.task is TASKS["t2av"]
    assert conditions.sound
    assert (conditions.shape.num_frames, *_size(conditions)) == (17, 64, 112)
    assert _frames_given(conditions) == []
    assert torch.equal(conditions.given.latents, _black(conditions, encoders))


def test_the_prompt_and_its_absence_are_encoded_together(encoders):
    conditions = build(_request(negative_prompt="rain"), encoders, Material())
    alone, _ = encoders.text_encoder.encode_text(["rain"])
    assert conditions.context.shape[0] == 2
    assert conditions.context_mask[0].sum() > conditions.context_mask[1].sum() == 1
    torch.testing.assert_close(conditions.context[1, :1], alone[0])


def test_of_a_tagged_prompt_the_words_are_encoded(encoders):
    tagged = "a red ball bounces <sfx>with a dull thud</sfx> <voice_ref>one two</voice_ref>"
    conditions = build(_request(prompt=tagged), encoders, Material())
    plain = build(_request(prompt="a red ball bounces with a dull thud"), encoders, Material())
    assert torch.equal(conditions.context, plain.context)


def test_other_kinds(encoders):
    silent = build(_request(sound=False), encoders, Material())
    assert (silent.task.name, silent.sound) == ("t2v", False)
    audio = build(_request(kind="audio"), encoders, Material())
    assert (audio.task.name, audio.sound, audio.given) == ("t2a", True, None)
    assert audio.shape.num_audio_tokens == 46
    image = build(_request(kind="image", duration_s=None), encoders, Material())
    assert (image.task.name, image.sound, image.shape.num_frames) == ("t2i", False, 1)


def test_a_first_frame_is_its_own_latent_and_returned(encoders):
    picture = _picture()
    conditions = build(_request(first_frame="a"), encoders, Material(first_frame=picture))
    assert conditions.task is TASKS["first"]
    assert _frames_given(conditions) == [0]
    assert torch.equal(conditions.given.imposed, conditions.given.known)
    own = encoders.video_vae.encode(pixels_of(picture[None].numpy()))
    assert torch.equal(conditions.given.latents[:, :, :1], own)
    rest = _black(conditions, encoders)[:, :, 1:]
    assert torch.equal(conditions.given.latents[:, :, 1:], rest)
    assert torch.equal(conditions.around.source[0], picture)
    assert conditions.around.pixel_known.flatten(1).all(1).sum() == 1


def test_stills_inside_the_clip_are_likenesses_and_not_imposed(encoders):
    first, last = _picture(1), _picture(2)
    material = Material(first_frame=first, last_frame=last)
    request = _request(first_frame="a", last_frame="b")
    conditions = build(request, encoders, material)
    assert conditions.task is TASKS["first_last"]
    assert _frames_given(conditions) == [0, 4]
    assert conditions.given.imposed.flatten(2).all(2)[0].tolist() == [True] + [False] * 4
    still = encoders.video_vae.encode(pixels_of(last[None].expand(5, -1, -1, -1).numpy()))[:, :, 1:]
    assert torch.equal(conditions.given.latents[:, :, 4:], still)
    picture = pixels_of(last[None].numpy())
    assert torch.equal(still_latent(encoders.video_vae, picture, 4), still)
    last_only = build(_request(last_frame="b"), encoders, Material(last_frame=last))
    assert (last_only.task.name, _frames_given(last_only)) == ("last", [4])


def test_keyframes_lie_at_their_seconds(encoders):
    times = (0.0, 1.0, 2.5)
    request = _request(
        duration_s=3.0, keyframes=tuple(Keyframe(image="a", time_s=time) for time in times)
    )
    pictures = tuple((time, _picture(3)) for time in times)
    conditions = build(request, encoders, Material(keyframes=pictures))
    assert conditions.task is TASKS["keyframes"]
    assert _frames_given(conditions) == [0, 4, 10]
    assert [index / conditions.shape.latent_fps for index in (0, 4, 10)] == list(times)


def test_two_pictures_at_one_latent_are_refused(encoders):
    request = _request(keyframes=(Keyframe(image="a", time_s=0.0),), first_frame="b")
    material = Material(first_frame=_picture(), keyframes=((0.05, _picture()),))
    with pytest.raises(ValueError, match="quarter of a second apart"):
        build(request, encoders, material)


def test_the_size_follows_the_given_picture(encoders):
    picture = _picture(0, 90, 160)
    conditions = build(_request(first_frame="a"), encoders, Material(first_frame=picture))
    assert _size(conditions) == (64, 112)
    asked = build(
        _request(first_frame="a", aspect_ratio="1:1"), encoders, Material(first_frame=picture)
    )
    assert _size(asked) == (64, 64)


@pytest.mark.parametrize("count", [1, 6, 17, 40])
def test_an_extension_sees_the_end_of_its_clip(encoders, count):
    clip = _picture(4, count=count)
    sound = torch.zeros(2, round(count / 16 * 44100))
    conditions = build(_request(extend="a"), encoders, Material(clip=clip, waveform=sound))
    held = min(17, (count - 1) // 4 * 4 + 1)
    num_known = (held - 1) // 4 + 1
    assert conditions.task is TASKS["extend"]
    assert _frames_given(conditions) == list(range(num_known))
    assert torch.equal(conditions.given.imposed, conditions.given.known)
    own = encoders.video_vae.encode(pixels_of(clip[-held:].numpy()))
    torch.testing.assert_close(conditions.given.latents[:, :, :num_known], own)
    around = conditions.around
    assert around.num_before + conditions.shape.num_frames == count + 16
    window = torch.cat([around.before, around.source])
    assert torch.equal(window[:count], clip)
    assert around.pixel_known.flatten(1).all(1).tolist() == [True] * held + [False] * 16
    assert (around.sound.first_frame, around.sound.num_frames) == (0, count)
    assert conditions.sound


@pytest.mark.parametrize("count", [4, 17, 40])
def test_an_extension_before_sees_the_start_of_its_clip(encoders, count):
    clip = _picture(5, count=count)
    request = _request(extend="a", extend_before=True)
    material = Material(clip=clip, waveform=torch.zeros(2, 100))
    conditions = build(request, encoders, material)
    num_known = min(4, count // 4)
    assert conditions.task is TASKS["extend_before"]
    assert _frames_given(conditions) == list(range(5, 5 + num_known))
    around = conditions.around
    held = 4 * num_known
    assert torch.equal(torch.cat([around.source[-held:], around.after]), clip)
    assert around.pixel_known.flatten(1).all(1).tolist() == [False] * 17 + [True] * held
    assert (around.sound.first_frame, around.sound.num_frames) == (17, count)
    assert conditions.shape.num_frames + around.num_after == count + 17


def test_a_clip_too_short_to_extend_before_is_refused(encoders):
    request = _request(extend="a", extend_before=True)
    with pytest.raises(ValueError, match=r"at least 4 frames at 16 fps, got 3"):
        build(request, encoders, Material(clip=_picture(count=3)))


def _edit(encoders, region, clip=None, **fields):
    clip = _picture(6, count=18) if clip is None else clip
    request = _request(edit="a", edit_region="m", duration_s=None, **fields)
    return build(request, encoders, Material(clip=clip, region=region))


def test_a_fixed_region_is_made_anew_and_the_rest_is_given(encoders):
    region = torch.zeros(1, 64, 64, dtype=torch.bool)
    region[:, 16:30, 8:24] = True
    conditions = _edit(encoders, region)
    assert conditions.task is TASKS["inpaint_fixed"]
    assert conditions.shape.num_frames == 17
    assert conditions.notes[0].startswith("the clip was cut from 18 to 17 frames")
    known = conditions.given.known[0]
    assert known.shape == (5, 8, 8)
    assert (~known).nonzero().shape[0] == 5 * 2 * 2
    assert not known[:, 2:4, 1:3].any()
    own = encoders.video_vae.encode(pixels_of(_picture(6, count=18)[:17].numpy()))
    spread = conditions.given.known[:, None].expand_as(own)
    assert torch.equal(conditions.given.latents[spread], own[spread])
    assert torch.equal(conditions.around.pixel_known, ~region.expand(17, -1, -1))


def test_a_moving_region_and_a_kept_centre_are_recognised(encoders):
    moving = torch.zeros(17, 64, 64, dtype=torch.bool)
    for frame in range(17):
        moving[frame, 16:32, frame : frame + 8] = True
    assert _edit(encoders, moving).task is TASKS["inpaint_moving"]
    around = torch.ones(1, 64, 64, dtype=torch.bool)
    around[:, :, 16:48] = False
    conditions = _edit(encoders, around)
    assert conditions.task is TASKS["outpaint"]
    assert conditions.given.known[0, 0].all(0).nonzero().flatten().tolist() == [2, 3, 4, 5]


def test_another_ratio_places_the_clip_inside(encoders):
    clip = _picture(7, count=5)
    request = _request(edit="a", duration_s=None, aspect_ratio="16:9")
    conditions = build(request, encoders, Material(clip=clip))
    assert conditions.task is TASKS["outpaint"]
    assert _size(conditions) == (64, 112)
    assert conditions.given.known[0, 0].all(0).nonzero().flatten().tolist() == list(range(3, 11))
    assert torch.equal(conditions.around.source[:, :, 24:88], clip)
    same = dataclasses.replace(request, aspect_ratio="1:1")
    assert build(same, encoders, Material(clip=clip)).task is TASKS["edit"]


def test_the_sound_of_an_edited_clip_is_kept_or_made_anew(encoders):
    region = torch.ones(1, 64, 64, dtype=torch.bool)
    request = _request(edit="a", edit_region="m", duration_s=None)
    material = Material(clip=_picture(count=5), region=region, waveform=torch.zeros(2, 900))
    anew = build(request, encoders, material)
    assert (anew.sound, anew.around.sound) == (True, None)
    request = dataclasses.replace(request, keep_audio=True)
    kept = build(request, encoders, material)
    assert not kept.sound
    assert kept.around.sound.num_frames == 5
    silent = build(request, encoders, dataclasses.replace(material, waveform=None))
    assert (silent.sound, silent.around.sound) == (True, None)
    assert "the clip has no sound to keep" in silent.notes
