import json
import math
from dataclasses import replace

import pytest
import torch

from openreels.conditioning.references import SOURCE
from openreels.conditioning.tasks import TASKS
from openreels.core.protocols import TextPart
from openreels.core.seeding import generator
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.training.batch import BatchMaker, TaskDraw
from openreels.training.config import ClipConfig, ShardData, TaskConfig
from openreels.training.dataset import ShardDataset
from openreels.training.lesson_batch import (
    CHANGED,
    changed_of,
    draw_structure,
    given_of,
    numbers,
    packs,
    teach,
)
from openreels.training.lessons import Lesson, LessonReference
from openreels.training.loop import Limits, build_state, train
from openreels.training.networks import load_frozen
from openreels.training.precompute import precompute
from openreels.training.step import training_step
from openreels.weights.checkpoint import load_network, read_network_header, save_network

ALWAYS = TaskConfig(text_dropout=0.0, reference_dropout=0.0)


@pytest.fixture(scope="module")
def data(lessons_root):
    return ShardDataset(lessons_root)


@pytest.fixture(scope="module")
def lessons(data):
    return data.read(range(12)).lessons


def test_dropping_the_prompt_drops_the_references_with_it(lessons):
    edits = [lesson.task == "edit" for lesson in lessons]
    nothing = teach(lessons, TaskConfig(text_dropout=1.0), generator(0), sound=True)
    assert nothing.messages == ((TextPart(""),),) * 12
    assert sources_alone(nothing) == edits
    bare = TaskConfig(text_dropout=0.0, reference_dropout=1.0)
    words = teach(lessons, bare, generator(0), sound=True)
    for message, edit in zip(words.messages, edits, strict=True):
        assert "".join(part.text for part in message if isinstance(part, TextPart))
        assert {part.tag for part in message} - {0} == ({SOURCE} if edit else set())
    assert sources_alone(words) == edits


def sources_alone(taught):
    """Which samples see a source; none may see anything else."""
    assert taught.references.audio is None
    tags, present = taught.references.video.tags, taught.references.video.present
    shown = [
        set(row[here.flatten(1).any(1)].tolist()) for row, here in zip(tags, present, strict=True)
    ]
    assert all(one <= {SOURCE} for one in shown)
    return [one == {SOURCE} for one in shown]


def test_every_reference_has_its_number_in_its_branch(lessons):
    taught = teach(lessons, ALWAYS, generator(0), sound=True)
    for row, lesson in enumerate(lessons):
        tags = numbers(lesson)
        pictures = {tags[one.handle] for one in lesson.references if one.kind != "audio"}
        pictures |= {SOURCE} if lesson.task == "edit" else set()
        sounds = {tags[one.handle] for one in lesson.references if one.kind == "audio"}
        assert set(taught.references.video.tags[row].tolist()) - {0} == pictures
        assert set(taught.references.audio.tags[row].tolist()) - {0} == sounds
        named = {part.tag for part in taught.messages[row]} - {0}
        assert named == pictures | sounds
    silent = teach(lessons, ALWAYS, generator(0), sound=False)
    assert silent.references.audio is None


def test_views_stand_one_by_one_and_the_source_last(lessons):
    for lesson in lessons:
        seen, noises = packs(lesson, sound=True)
        assert all(latents.shape[2] == 1 for latents, tag in seen[:-1] if tag != SOURCE)
        if lesson.task == "edit":
            assert torch.equal(seen[-1][0][0], lesson.source)
        assert len(noises) == sum(one.kind == "audio" for one in lesson.references)


def test_a_source_stands_where_it_is_given_or_changed_and_black_elsewhere(data, lessons):
    content, known = given_of(lessons, data.black)
    black = data.black[0].float()
    masked = [row for row, lesson in enumerate(lessons) if lesson.known is not None]
    edited = [row for row, one in enumerate(lessons) if one.source is not None]
    assert masked
    assert len(edited) > len(masked)
    for row, lesson in enumerate(lessons):
        if row in masked:
            expected = torch.where(lesson.known, lesson.source, black)
            assert torch.equal(known[row], lesson.known)
        else:
            expected = lesson.source if row in edited else black
            assert not known[row].any()
        assert torch.equal(content[row], expected)


def test_what_an_edit_changes_is_what_differs_from_its_source(data, lessons):
    clean = data.read(range(12)).video
    changed = changed_of(lessons, clean)
    edits = [row for row, lesson in enumerate(lessons) if lesson.task == "edit"]
    assert edits
    for row in range(12):
        if row not in edits:
            assert not changed[row].any()
            continue
        distance = (clean[row] - lessons[row].source).abs().mean(0)
        assert torch.equal(changed[row].bool(), distance > CHANGED)


def test_what_a_borrowed_motion_moves_is_what_differs_from_its_rest():
    clean = torch.randn(1, 16, 1, 8, 8).repeat(2, 1, 5, 1, 1)
    clean[:, :, 1, 2, 3] += 1.0
    clean[:, :, 4, 6, 5] -= 1.0
    clean[:, :, 2, 0, 0] += CHANGED / 2
    clip = LessonReference(kind="clip", role="motion", handle="@moves", latents=clean[0])
    view = replace(clip, kind="image", role="subject", latents=clean[0])
    captions = ("It moves as @moves.",)
    lessons = [Lesson(name="x", captions=captions, references=(one,)) for one in (clip, view)]
    moving = changed_of(lessons, clean)
    assert moving[0].nonzero().tolist() == [[1, 2, 3], [4, 6, 5]]
    assert not moving[1].any()


def test_changes_weigh_as_they_are_asked_to(data, run_config, lessons):
    encoder = load_frozen("text_encoder", run_config.codecs.text_encoder, kind=PromptEncoder)
    rows = data.read(range(12))
    draw = TaskDraw(names=tuple(one.task for one in lessons), video=True, sound=True, picture=False)

    def batch(weight, frames=rows):
        maker = BatchMaker(
            config=replace(run_config, tasks=ALWAYS, change_weight=weight),
            encode_text=encoder.encode_text,
            conditioner=encoder,
        )
        return maker.make(frames, draw, shape=data.shape, black=data.black, step=0)

    assert batch(1.0).counted.video is None
    # Only in cells that all differ: then the patch of a token is one number.
    other = replace(rows, video=rows.video.clone())
    edit = next(row for row, lesson in enumerate(lessons) if lesson.task == "edit")
    other.video[edit] = lessons[edit].source
    other.video[edit, :, 0] += 1.0
    found = batch(4.0, other).counted.video
    target = batch(4.0, other).targets.video
    assert found.shape == target.shape
    per_frame = target.shape[1] // other.video.shape[2]
    assert (found[edit, :per_frame] == 4.0).all()
    assert (found[edit, per_frame:] == 1.0).all()


def test_a_weight_of_changes_must_be_positive(run_config):
    with pytest.raises(ValueError, match="change_weight must be positive, got 0"):
        replace(run_config, change_weight=0.0)


def test_the_share_of_silent_batches():
    config = TaskConfig(silent_lessons=0.3)
    heard = [draw_structure(config, generator(0, step))[1] for step in range(400)]
    assert 0.6 < sum(heard) / 400 < 0.8


def test_lessons_of_sound_alone_hold_more_and_show_nothing(data, named_config, lessons):
    config = TaskConfig(silent_lessons=0.2, blind_lessons=0.5)
    drawn = [draw_structure(config, generator(1, step)) for step in range(400)]
    shares = [drawn.count(one) / 400 for one in ((True, False), (True, True), (False, True))]
    assert shares == pytest.approx([0.2, 0.3, 0.5], abs=0.08)
    assert draw_structure(config, generator(1, 0), picture=True) == (
        True,
        False,
    )
    taught = teach(lessons, ALWAYS, generator(0), video=False, sound=True)
    assert taught.references.video is None
    for row, lesson in enumerate(lessons):
        tags = numbers(lesson)
        sounds = {tags[one.handle] for one in lesson.references if one.kind == "audio"}
        assert {part.tag for part in taught.messages[row]} - {0} == sounds
    _, batch = _batch(data, named_config, video=False)
    assert batch.inputs.video is None
    assert batch.targets.audio is not None


def test_shares_of_structures_are_checked():
    with pytest.raises(ValueError, match=r"1 together, got 0\.6 and 0\.5"):
        TaskConfig(silent_lessons=0.6, blind_lessons=0.5)
    with pytest.raises(ValueError, match=r"must be at least 1, got 4 and 0"):
        TaskConfig(sounds_factor=0)


@pytest.fixture(scope="module")
def named_config(run_config):
    return replace(run_config, model=replace(run_config.model, num_tags=10), tasks=ALWAYS)


def _batch(data, config, *, video=True, sound=True):
    encoder = load_frozen("text_encoder", "random:tiny", kind=PromptEncoder)
    maker = BatchMaker(config=config, encode_text=encoder.encode_text, conditioner=encoder)
    latents = data.read(range(12))
    names = tuple(lesson.task for lesson in latents.lessons)
    draw = TaskDraw(names=names, video=video, sound=sound, picture=False)
    return latents, maker.make(latents, draw, shape=data.shape, black=data.black, step=0)


def test_targets_are_of_the_clip_alone_and_references_ask_nothing(data, named_config):
    _, batch = _batch(data, named_config)
    video = batch.inputs.video
    count = batch.targets.video.shape[1]
    assert (video.tags[:, -count:] == 0).all()
    assert video.attendable[:, -count:].all()
    assert video.tokens.shape[1] > count
    network = MMDiT(named_config.model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    plain = training_step(network, batch)
    hidden = ~video.attendable
    tokens = torch.where(hidden[..., None], torch.full_like(video.tokens, 5.0), video.tokens)
    inputs = replace(batch.inputs, video=replace(video, tokens=tokens))
    padded = training_step(network, replace(batch, inputs=inputs))
    assert torch.equal(plain.parts.video, padded.parts.video)
    assert torch.equal(plain.parts.audio, padded.parts.audio)
    plain.total.backward()
    assert network.tag_table.grad.abs().sum() > 0


def test_a_silent_batch_of_lessons_has_no_sound(data, named_config):
    _, batch = _batch(data, named_config, sound=False)
    assert batch.inputs.audio is None
    assert batch.context_tags.shape == batch.context_mask.shape


def test_a_run_learns_from_lessons_beside_plain_scenes_and_resumes(
    data_root, lessons_root, named_config, tmp_path
):
    config = replace(
        named_config,
        data=(
            ShardData(folder=str(data_root / "bucket")),
            ShardData(folder=str(lessons_root), weight=2.0),
        ),
        steps=4,
        products="fp32",
    )
    whole = train(config, tmp_path / "whole", tensorboard=False)
    stopped = Limits(stop=lambda step: step == 2)
    train(config, tmp_path / "parts", limits=stopped, tensorboard=False)
    again = train(config, tmp_path / "parts", tensorboard=False)
    assert (whole.step, again.step) == (4, 4)
    left, right = (load_network(run.export).state_dict() for run in (whole, again))
    assert all(torch.equal(value, right[name]) for name, value in left.items())
    told = read_network_header(whole.export).metadata["taught"]
    every = {one.task for one in ShardDataset(lessons_root).read(range(12)).lessons}
    assert every < set(TASKS)
    assert set(told) == every | ({"inpaint_fixed"} if "inpaint_moving" in every else set())


def test_lessons_of_single_frames_train_without_sound(
    data_root, lessons_config, named_config, tmp_path
):
    pictures = replace(lessons_config, folder="pictures", clip=ClipConfig(duration_s=1 / 16))
    assert precompute(pictures, data_root)
    bucket = ShardData(folder=str(data_root / "pictures"))
    heard = replace(ALWAYS, silent_lessons=0.0)
    config = replace(named_config, data=(bucket,), tasks=heard, steps=2, log_every=1)
    train(config, tmp_path, tensorboard=False)
    lines = (tmp_path / config.name / "log.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for logged in map(json.loads, lines):
        assert math.isfinite(logged["video/loss"])
        assert "audio/loss" not in logged


def test_weights_without_names_grow_into_a_run_with_names(named_config, tmp_path):
    old = MMDiT(replace(named_config.model, num_tags=0))
    save_network(tmp_path / "old.safetensors", old)
    state = build_state(replace(named_config, init="old.safetensors"), tmp_path)
    for name, value in old.state_dict().items():
        assert torch.equal(state.network.state_dict()[name], value)
    assert state.network.tag_table.abs().sum() > 0
