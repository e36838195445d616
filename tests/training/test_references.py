from dataclasses import replace

import pytest

from openreels.training.config import ShardData
from openreels.training.lessons import draw_examples
from openreels.training.recipes import RECIPES
from openreels.training.references import (
    CHANGES,
    FAINT_CLIPS,
    FAINT_PICTURES,
    LOOK_CLIPS,
    MOTIONS,
    MOVE_CLIPS,
    REFERENCE_DATA,
    SUBJECT_CLIPS,
    SUBJECTS,
    THING_CLIPS,
    THINGS,
    references_of,
)
from openreels.training.schedule import DATA


def test_the_run_is_that_of_the_base_with_low_rank_changes_of_its_picture():
    (mixed,), (taught,) = RECIPES["stage_mixed"](), RECIPES["stage_references"]()
    assert taught == references_of(mixed)
    assert taught.init == "shipped"
    assert replace(taught.model, num_tags=0) == replace(mixed.model, num_tags=0)
    assert taught.lora is not None
    assert taught.lora.layers == ("video.",)


def test_shares_are_whole_and_every_bucket_has_its_own_folder():
    (taught,) = RECIPES["stage_references"]()
    data = [one for one in taught.data if isinstance(one, ShardData)]
    assert [one.folder for one in data] == [bucket.folder for bucket in REFERENCE_DATA]
    assert abs(sum(one.weight for one in data) - 1) < 1e-9
    folders = [bucket.folder for bucket in (*DATA, *REFERENCE_DATA)]
    assert len(set(folders)) == len(folders)


def _drawn(bucket, count):
    indices = range(bucket.start, bucket.start + count)
    shape, world = bucket.clip.shape, bucket.world
    return draw_examples(2, indices, bucket.lessons, shape, world, bucket.looks)


@pytest.mark.parametrize("bucket", [CHANGES, THINGS, SUBJECTS])
def test_what_is_learnt_slowest_is_shown_in_single_frames(bucket):
    assert bucket.clip.shape.num_frames == 1
    for task, captions in _drawn(bucket, 8):
        assert captions
        assert task.source is not None or task.references


def test_motions_are_shown_by_clips_that_move():
    for task, _ in _drawn(MOTIONS, 6):
        assert any(one.kind == "clip" for one in task.references)


def test_looks_and_subjects_are_shown_in_clips_too():
    assert {task.source is not None for task, _ in _drawn(LOOK_CLIPS, 6)} == {True}
    for task, _ in _drawn(SUBJECT_CLIPS, 6):
        assert task.source is None
        assert any(one.role == "subject" for one in task.references)
    for bucket in (LOOK_CLIPS, SUBJECT_CLIPS):
        assert bucket.clip.shape.num_frames > 1


@pytest.mark.parametrize("bucket", [FAINT_CLIPS, FAINT_PICTURES])
def test_faint_looks_are_bricks_and_rain(bucket):
    for task, _ in _drawn(bucket, 8):
        assert task.source is not None
        pair = (task.target.style, task.target.weather)
        assert "mosaic" in pair or "rain" in pair


def test_things_in_clips_are_shown_or_change():
    drawn = [task for task, _ in _drawn(THING_CLIPS, 24)]
    assert {task.source is None for task in drawn} == {True, False}
    assert all(task.source is not None or task.references for task in drawn)


def test_cameras_and_paths_are_shown_in_clips():
    assert MOVE_CLIPS.clip.shape.num_frames > 1
    names = {task.name for task, _ in _drawn(MOVE_CLIPS, 24)}
    assert {"edit camera", "motion by reference", "images and motion"} <= names
