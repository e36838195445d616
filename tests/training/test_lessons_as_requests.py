"""What the network sees of a lesson is what it sees of the request that asks for the same."""

from dataclasses import dataclass, replace

import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import gather
from openreels.conditioning.references import pack_audio, pack_video
from openreels.conditioning.tokens import audio_branch, video_branch
from openreels.core.request import validate
from openreels.evaluation.cases import make_case, request_of
from openreels.evaluation.config import BenchConfig
from openreels.media.clip import frames_of
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.reference_tasks import TASKS
from openreels.training.lesson_batch import given_of, message_for, packs
from openreels.training.lessons import encode_lesson

MASKED = ("inpaint_fixed", "inpaint_moving", "outpaint")
CONFIG = BenchConfig(duration_s=1.0, count=2, task_count=1)


@dataclass(frozen=True)
class Networks:
    text_encoder: PromptEncoder
    video_vae: VideoVAE
    audio_vae: AudioVAE


@pytest.fixture(scope="module")
def networks(encoders):
    torch.manual_seed(0)
    config = replace(
        presets.tiny(),
        max_tokens=160,
        image_channels=encoders.video.config.latent_channels,
        audio_channels=encoders.audio.config.channels,
    )
    return Networks(PromptEncoder(config).eval(), encoders.video, encoders.audio)


def _bytes(pixels):
    return torch.from_numpy(frames_of(pixels[None]))


def _exact(material, case):
    """The same files without the losses of their formats."""
    clips = [one.clip for one in case.references if one.clip is not None]
    found = {"clip": case.source and case.source.pixels, "follow": clips[0] if clips else None}
    for name, pixels in found.items():
        read = getattr(material, name)
        assert (read is None) == (pixels is None)
        if read is not None:
            assert read.shape == _bytes(pixels).shape
            assert (read.float() - _bytes(pixels).float()).abs().mean() < 8
            material = replace(material, **{name: _bytes(pixels)})
    assert (material.region is not None) == case.task.masked
    return replace(material, region=case.changed if case.task.masked else None)


def _close(mine, yours):
    # A request is read in steps of eight bits, a lesson as it was rendered.
    torch.testing.assert_close(mine, yours, atol=0.05, rtol=0.05)


def _same(mine, yours):
    assert mine.grid == yours.grid
    assert mine.grid_start == yours.grid_start
    assert torch.equal(mine.positions, yours.positions)
    for name in ("tags", "attendable"):
        left, right = getattr(mine, name), getattr(yours, name)
        assert (left is None) == (right is None)
        assert left is None or torch.equal(left, right)
    _close(mine.tokens, yours.tokens)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_the_world_can_be_asked_for(name, networks, encoders, tmp_path):
    case = make_case(name, 0, CONFIG)
    request = validate(request_of(case, tmp_path, CONFIG, 0))
    material = _exact(gather(request), case)
    with torch.no_grad():
        conditions = build(request, networks, material)
        lesson = encode_lesson(case.task, (case.task.caption,), case.shape, encoders)
        assert conditions.sound
        assert conditions.shape == case.shape
        kinds = (conditions.task.name, lesson.task)
        assert kinds[0] == kinds[1] or (kinds[0] in MASKED and kinds[1] in MASKED)
        seen, noises = packs(lesson, sound=True)
        message = message_for(lesson, case.task.caption, seen, noises)
        context, mask = networks.text_encoder.encode([message])
        black = networks.video_vae.encode(torch.full((1, 3, 17, 64, 64), -1.0))
    words = conditions.context_mask[0]
    assert int(words.sum()) == int(mask.sum())
    _close(conditions.context[0, words], context[0])
    tags = networks.text_encoder.tags([message])
    assert torch.equal(conditions.context_tags[0, words], tags[0])
    noise = torch.randn(black.shape), torch.randn(1, 4, case.shape.num_audio_tokens)
    content, known = given_of([lesson], black)
    assert torch.equal(known, conditions.given.known)
    options = {"fps": case.shape.fps, "patch": 2}
    _same(
        video_branch(
            noise[0], conditions.given.latents, conditions.given.known,
            references=conditions.references.video, **options,
        ),
        video_branch(
            noise[0], content, known,
            references=pack_video(seen) if seen else None, **options,
        ),
    )  # fmt: skip
    _same(
        audio_branch(noise[1], conditions.references.audio),
        audio_branch(noise[1], pack_audio(noises) if noises else None),
    )
