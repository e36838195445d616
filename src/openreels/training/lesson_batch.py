"""Lessons of a batch to what the network sees beside noise: prompts, references, what is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.prompts import media_of, message_of
from openreels.conditioning.references import (
    NUM_TAGS,
    SOURCE,
    References,
    pack_audio,
    pack_video,
    stack,
    tag_numbers,
)
from openreels.core.arrays import LatentMask, VideoLatents
from openreels.core.joint import Joint
from openreels.core.protocols import Message, Part, TextPart
from openreels.training.config import TaskConfig
from openreels.training.lessons import Lesson
from openreels.training.strange_words import with_strange_words

CHANGED = 0.2
"""Mean distance of the channels of a latent cell, whose spread is about 1, from which on it counts
as changed: the autoencoder alone makes less."""
_ORDER = {"image": 0, "grid": 1, "clip": 2}
"""What stands farthest from the clip; the source comes last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaughtBatch:
    """What lessons make of a batch."""

    messages: tuple[Message, ...]
    """Prompt of each sample; empty where it was dropped."""
    references: Joint[References | None]
    """What stands before the clips."""


def draw_structure(
    config: TaskConfig, source: torch.Generator, *, picture: bool = False
) -> tuple[bool, bool]:
    """Draw which branches a batch of lessons runs.

    Args:
        config: Shares of silent batches and of batches of sound alone.
        source: Source of the draw; one number is taken.
        picture: Whether the lessons are single frames, which are silent.

    Returns:
        Whether the video branch runs, and whether the audio branch does.
    """
    draw = float(torch.rand((), generator=source))
    if picture or not config.sound or draw < config.silent_lessons:
        return True, False
    return draw < 1 - config.blind_lessons, True


def teach(
    lessons: Sequence[Lesson],
    config: TaskConfig,
    source: torch.Generator,
    *,
    video: bool = True,
    sound: bool,
) -> TaughtBatch:
    """Draw a caption a sample, drop some for guidance, and pack the references.

    Args:
        lessons: One a sample.
        config: What is dropped how often.
        source: Source of the draws.
        video: Whether the video branch runs.
        sound: Whether the audio branch runs.

    Returns:
        Messages and references; a sample without its prompt has no references either. The source
        of an edit stays, in context as in the mask: guidance never drops what is to be kept.
    """
    draws = torch.rand(3, len(lessons), generator=source).tolist()
    wild = Random(int(torch.randint(2**62, (), generator=source))) if config.strange_words else None
    messages, shown, heard = list[Message](), list[References | None](), list[References | None]()
    for lesson, choice, drop, bare in zip(lessons, *draws, strict=True):
        without_text = drop < config.text_dropout
        alone = without_text or bare < config.reference_dropout
        seen, noises = packs(lesson, sound=sound)
        seen = seen if video else []
        if alone:
            seen, noises = [one for one in seen if one[1] == SOURCE], []
        text = lesson.captions[int(choice * len(lesson.captions))]
        message: Message = (TextPart(""),)
        if not without_text:
            message = message_for(lesson, text, seen, noises)
            if wild and lesson.by_instruction and wild.random() < config.strange_words:
                message = with_strange_words(message, lesson.name, wild)
        messages.append(message)
        shown.append(pack_video(seen) if seen else None)
        heard.append(pack_audio(noises) if noises else None)
    return TaughtBatch(messages=tuple(messages), references=Joint(stack(shown), stack(heard)))


def message_for(
    lesson: Lesson,
    text: str,
    seen: Sequence[tuple[Tensor, int]],
    noises: Sequence[tuple[Tensor, int]],
) -> tuple[Part, ...]:
    """The message of a caption; handles of references that are not there name nothing."""
    given = {tag for _, tag in (*seen, *noises)}
    used = {handle: tag for handle, tag in numbers(lesson).items() if tag in given}
    media = media_of(seen, noises)
    return message_of(text, used, voiced=lesson.voiced if noises else (), media=media)


def numbers(lesson: Lesson) -> dict[str, int]:
    """Numbers of the handles of a lesson, as those of a request."""
    return tag_numbers(lesson.handles, source=lesson.by_instruction, num_tags=NUM_TAGS)


def packs(
    lesson: Lesson, *, sound: bool
) -> tuple[list[tuple[Float[Tensor, "1 _ _ _ _"], int]], list[tuple[Float[Tensor, "1 _ _"], int]]]:
    """References of a lesson in the order of a request, with their numbers."""
    tags = numbers(lesson)
    seen: list[tuple[Tensor, int]] = []
    visible = [one for one in lesson.references if one.kind != "audio"]
    for one in sorted(visible, key=lambda one: _ORDER[one.kind]):
        whole = one.latents[None]
        parts = [whole] if one.kind == "clip" else whole.split(1, dim=2)
        seen += [(part, tags[one.handle]) for part in parts]
    if lesson.source is not None and lesson.known is None:
        seen.append((lesson.source[None], SOURCE))
    noises = [
        (one.latents[None], tags[one.handle]) for one in lesson.references if one.kind == "audio"
    ]
    return seen, noises if sound else []


def given_of(
    lessons: Sequence[Lesson], black: Float[Tensor, "#b c f h w"]
) -> tuple[VideoLatents, LatentMask]:
    """Channels I and M of lessons, as those of a request.

    Args:
        lessons: One a sample.
        black: Latents of a black clip, one for all samples.

    Returns:
        Latents I, those of the source where it is given or changed by instruction and those of
        black elsewhere, and the mask M of eq. 7, True where it is given.
    """
    content = black.float().expand(len(lessons), -1, -1, -1, -1).clone()
    known = torch.zeros_like(content[:, 0], dtype=torch.bool)
    for row, lesson in enumerate(lessons):
        if lesson.source is None:
            continue
        if lesson.known is None:
            content[row] = lesson.source
        else:
            content[row] = torch.where(lesson.known, lesson.source, content[row])
            known[row] = lesson.known
    return content, known


def changed_of(lessons: Sequence[Lesson], clean: VideoLatents) -> Float[Tensor, "b f h w"]:
    """Where edits by instruction change their source, and where a clip moves as its reference does.

    Args:
        lessons: One a sample.
        clean: Latents of the results.

    Returns:
        1 where a latent cell is another one than the source's, or than its own median over time
        where a clip without a source has the motion of another, by more than ``CHANGED`` in the
        mean over its channels; else 0, as everywhere for other lessons.
    """
    changed = torch.zeros_like(clean[:, 0])
    for row, lesson in enumerate(lessons):
        rest = lesson.source if lesson.by_instruction else None
        if lesson.source is None and any(one.role == "motion" for one in lesson.references):
            rest = clean[row].median(1, keepdim=True).values
        if rest is not None:
            changed[row] = ((clean[row] - rest).abs().mean(0) > CHANGED).to(clean)
    return changed
