from collections import Counter
from dataclasses import replace

import pytest
import torch

from openreels.conditioning.masks import latent_known
from openreels.conditioning.tasks import TASKS
from openreels.core.prompt_rules import SOURCE_HANDLE, Named, broken_rules
from openreels.stage.reference_tasks import change_of
from openreels.stage.render import render_video
from openreels.stage.world import WorldSettings
from openreels.training.dataset import ShardDataset
from openreels.training.lessons import (
    Lesson,
    LessonReference,
    cells_before,
    draw_examples,
    encode_lesson,
    lesson_from,
    record_of,
    tensors_of,
)
from openreels.training.precompute import encode_lessons, lessons_path, precompute, shard_path


@pytest.fixture(scope="module")
def dataset(lessons_root):
    return ShardDataset(lessons_root)


def test_every_row_of_a_bucket_of_lessons_has_one(dataset, lessons_config, encoders):
    assert dataset.has_lessons
    batch = dataset.read(range(12))
    assert len(batch.lessons) == len(batch.scenes) == 12
    fresh = encode_lessons(lessons_config, range(5, 8), encoders)
    for one, other in zip(batch.lessons[5:8], fresh.lessons, strict=True):
        assert (one.name, one.captions, one.task) == (other.name, other.captions, other.task)
        for mine, yours in zip(one.references, other.references, strict=True):
            torch.testing.assert_close(mine.latents, yours.latents, atol=2e-2, rtol=2e-3)
    torch.testing.assert_close(batch.video[5:8], fresh.video, atol=2e-2, rtol=2e-3)


def test_lessons_name_what_they_show_and_the_clip_is_what_must_come_out(lessons_config, encoders):
    shape = lessons_config.clip.shape
    names = [(name, 1.0) for name, _ in lessons_config.lessons]
    for row, pair in enumerate(names):
        ((task, captions),) = draw_examples(2, [row], [pair], shape, WorldSettings())
        lesson = encode_lesson(task, captions, shape, encoders)
        assert lesson.name == pair[0]
        assert lesson.task in TASKS
        tags = tuple(one.handle for one in lesson.references)
        for text in lesson.captions:
            assert all(handle in text for handle in tags)
            assert not list(_unknown_handles(text, lesson))
        if task.source is None:
            assert (lesson.source, lesson.known) == (None, None)
            continue
        own = encoders.video.encode(render_video([task.source], shape))[0]
        torch.testing.assert_close(lesson.source, own)
        assert (lesson.known is None) == (not task.masked)
        if lesson.known is not None:
            assert torch.equal(lesson.known, latent_known(~change_of(task, shape)[None])[0])
        else:
            assert all(SOURCE_HANDLE in text for text in lesson.captions)


def _unknown_handles(text, lesson):
    sounds = tuple(one.handle for one in lesson.references if one.kind == "audio")
    pictured = {one.handle for one in lesson.references if one.kind != "audio"}
    named = Named(
        tags=tuple(dict.fromkeys(one.handle for one in lesson.references)),
        voices=tuple(handle for handle in sounds if handle in pictured),
        sounds=tuple(handle for handle in sounds if handle not in pictured),
        source=lesson.source is not None,
    )
    return broken_rules(text, named)


def test_tasks_are_drawn_by_their_shares():
    shares = (("subjects", 3.0), ("edit colour", 1.0))
    settings = (shares, _shape(), WorldSettings())
    drawn = draw_examples(0, range(80), *settings)
    counts = Counter(task.name for task, _ in drawn)
    assert 45 <= counts["subjects"] <= 72
    again = draw_examples(0, [41, 7], *settings)
    assert [task for task, _ in again] == [drawn[41][0], drawn[7][0]]
    assert [captions for _, captions in again] == [drawn[41][1], drawn[7][1]]


def test_edits_of_looks_come_to_those_that_are_asked_for():
    shares = (("edit style", 1.0), ("edit weather", 1.0), ("style by reference", 1.0))
    shares = (*shares, ("edit colour", 1.0))
    settings = (shares, _shape(), WorldSettings())
    free = draw_examples(0, range(60), *settings)
    drawn = draw_examples(0, range(60), *settings, looks=("mosaic", "rain"))
    assert {task.target.style for task, _ in free if task.name == "edit style"} > {"mosaic"}
    assert {task.target.style for task, _ in drawn if "style" in task.name} == {"mosaic"}
    assert {task.target.weather for task, _ in drawn if task.name == "edit weather"} == {"rain"}
    kept = 0
    for one, other in zip(free, drawn, strict=True):
        assert one[0].name == other[0].name
        fits = {one[0].target.style, one[0].target.weather} & {"mosaic", "rain"}
        if one[0].name == "edit colour" or fits:
            assert one == other
            kept += 1
    assert 15 < kept < 60
    with pytest.raises(ValueError, match="none of 64 draws of 'edit weather' comes to one of snug"):
        draw_examples(0, [0], (("edit weather", 1.0),), *settings[1:], looks=("snug",))


def _shape():
    from openreels.core.shapes import ClipShape

    return ClipShape(num_frames=17, height=32, width=32)


def _lesson(**fields):
    latents = torch.randn(4, 2, 3, 3).half().float()
    one = LessonReference(kind="image", role="subject", handle="@a", latents=latents)
    return Lesson(**({"name": "x", "captions": ("@a",), "references": (one,)} | fields))


def test_a_lesson_comes_back_from_its_parts():
    import json

    known = torch.rand(2, 3, 3) > 0.5
    source = torch.randn(4, 2, 3, 3).half().float()
    lesson = _lesson(source=source, known=known)
    line = json.dumps({"lesson": record_of(lesson)})
    back = lesson_from(line, tensors_of(lesson, 5), 5)
    assert back.captions == lesson.captions
    assert torch.equal(back.references[0].latents, lesson.references[0].latents)
    assert torch.equal(back.source, source)
    assert torch.equal(back.known, known)
    assert lesson_from("{}", {}, 0) is None


def test_cells_before_a_clip_are_those_of_references_and_of_a_source_that_is_not_in_its_place():
    source, known = torch.zeros(4, 3, 5, 5), torch.ones(3, 5, 5).bool()
    sound = LessonReference(kind="audio", role="music", handle="@b", latents=torch.zeros(7, 11))
    picture = _lesson().references[0]
    lessons = (
        _lesson(),
        _lesson(source=source),
        _lesson(source=source, known=known),
        _lesson(references=(picture, sound)),
        Lesson(name="x", captions=("a",)),
    )
    tensors = {}
    for row, lesson in enumerate(lessons):
        tensors |= tensors_of(lesson, row)
    assert cells_before(tensors) == {0: 18, 1: 18 + 75, 2: 18, 3: 18 + 11}


def test_the_task_of_a_lesson_is_that_of_its_request():
    latents = torch.zeros(4, 2, 3, 3)

    def kinds(*names):
        return tuple(
            LessonReference(kind=name, role="r", handle=f"@{k}", latents=latents)
            for k, name in enumerate(names)
        )

    for names, task in (
        (("image",), "references"),
        (("image", "audio"), "references"),
        (("image", "clip"), "motion"),
        (("grid",), "storyboard"),
        (("audio",), "sounds"),
    ):
        assert _lesson(references=kinds(*names)).task == task
    assert _lesson(source=latents).task == "edit"
    assert _lesson(source=latents, known=torch.ones(2, 3, 3).bool()).task == "inpaint_moving"
    lesson = _lesson(references=kinds("clip", "audio", "image"))
    assert lesson.handles == ("@2", "@1", "@0")


def test_shards_without_lessons_have_none(data_root):
    plain = ShardDataset(data_root / "bucket")
    assert not plain.has_lessons
    assert plain.read([0, 3]).lessons == ()
    assert not lessons_path(shard_path(data_root / "bucket", 0)).exists()


def test_a_folder_of_other_lessons_is_refused(lessons_root, lessons_config):
    other = replace(lessons_config, lessons=(("subjects", 1.0),))
    with pytest.raises(ValueError, match="another lessons"):
        precompute(other, lessons_root.parent)
    with pytest.raises(ValueError, match="another lessons"):
        precompute(replace(lessons_config, lessons=()), lessons_root.parent)
    with pytest.raises(ValueError, match="another looks"):
        precompute(replace(lessons_config, looks=("rain",)), lessons_root.parent)


def test_unknown_lessons_are_refused(lessons_config):
    with pytest.raises(ValueError, match=r"lessons must be tasks of .*got 'dance'"):
        replace(lessons_config, lessons=(("dance", 1.0),))
    with pytest.raises(ValueError, match=r"looks must be of plain.*got 'hail'"):
        replace(lessons_config, looks=("rain", "hail"))
