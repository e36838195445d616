"""Worlds with effects: what is drawn, said, read back and edited."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from openreels.core.prompt import parse
from openreels.core.request import GenerationRequest, validate
from openreels.core.shapes import ClipShape
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions import caption, describe
from openreels.stage.edits import EDITS, change_mask, possible_edits, sample_edit
from openreels.stage.enhance import StageEnhancer
from openreels.stage.reading import read
from openreels.stage.reference_tasks import Order, change_of, make_task
from openreels.stage.render import render_video
from openreels.stage.sample import truth_from_json, truth_of, truth_to_json
from openreels.stage.scene import EFFECTS
from openreels.stage.world import WorldSettings, sample_scene

WORLD = WorldSettings(effect_share=1.0)
SHAPE = ClipShape(num_frames=9, height=64, width=64, fps=4)


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(6, index, settings=WORLD) for index in range(150)]


def test_an_effect_is_all_that_an_effect_share_adds(scenes):
    for index, scene in enumerate(scenes):
        assert replace(scene, effects=()) == sample_scene(6, index)
        alone = [k for k, actor in enumerate(scene.actors) if actor.partner is None]
        assert len(scene.effects) == bool(alone)
        for effect in scene.effects:
            assert effect.actor in alone
            assert 0 < effect.start_s < effect.start_s + effect.duration_s < scene.duration_s
        assert truth_from_json(truth_to_json(truth_of(scene))).scene.effects == scene.effects
    kinds = Counter(effect.kind for scene in scenes for effect in scene.effects)
    assert set(kinds) == set(EFFECTS)
    assert min(kinds.values()) > 10


def test_until_it_starts_the_clip_is_as_without_it(scenes):
    for scene in [scene for scene in scenes if scene.effects][:6]:
        plain = replace(scene, effects=())
        with_it, without = render_video([scene, plain], SHAPE)
        start = scene.effects[0].start_s
        before = [k for k in range(9) if k / 4 <= start]
        assert torch.equal(with_it[:, before], without[:, before])
        assert not torch.equal(with_it[:, 8], without[:, 8])


def test_long_and_structured_captions_say_it_and_short_ones_do_not(scenes):
    said = 0
    for index, scene in enumerate(scene for scene in scenes if scene.effects):
        phrases = words_of.EFFECT_WORDS[scene.effects[0].kind].common
        long = describe(scene, index)
        told = any(phrase in long.text for phrase in phrases)
        assert ("effects" in long.stated_scene) == told
        said += told
        structured = caption(scene, index, tier="structured")
        assert any(phrase in structured for phrase in phrases)
        validate(GenerationRequest(prompt=structured))
        assert not any(phrase in caption(scene, index, tier="short") for phrase in phrases)
    assert said > 0.85 * len([scene for scene in scenes if scene.effects])


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("tier", ["long", "structured"])
def test_captions_come_back_letter_for_letter_and_are_read(scenes, tier, held_out):
    for index, scene in enumerate(scenes[:60]):
        text = caption(scene, index, tier=tier, held_out=held_out)
        assert StageEnhancer().enhance(text).prompt == text
        assert StageEnhancer().enhance(text).notes == ()
        if tier == "long" and not parse(text).spans:
            found = {thing.shape: thing.effect for thing in read(text).things if thing.effect}
            true = {scene.actors[e.actor].shape: e.kind for e in scene.effects}
            assert found.items() <= true.items()
            assert len(read(text).things) == len(scene.actors)


@pytest.mark.parametrize(
    ("text", "caption_of_it"),
    [
        (
            "a ball melts",
            "A medium red rubber ball bounces then melts in a meadow by day. The camera is still.",
        ),
        (
            "a green star spins and then shatters at night",
            "A medium green metal star spins then shatters in a meadow at night. The camera is"
            " still.",
        ),
        (
            "@hero rolls on a beach, begins to glow",
            "@hero rolls then glows on a beach by day. The camera is still.",
        ),
    ],
)
def test_free_text_may_ask_for_an_effect(text, caption_of_it):
    assert StageEnhancer().enhance(text).prompt == caption_of_it
    assert StageEnhancer().enhance(caption_of_it).prompt == caption_of_it


@pytest.mark.parametrize("kind", EDITS)
def test_edits_leave_effects_with_their_actors_and_change_nothing_outside_their_mask(kind):
    world = replace(WORLD, actor_odds=(0.2, 0.4, 0.4), duration_s=2.0, face_share=0.5,
                    words_share=0.5)  # fmt: skip
    done = 0
    for index in range(40):
        scene = sample_scene(7, index, settings=world)
        if not scene.effects or kind not in possible_edits(scene):
            continue
        edit = sample_edit(scene, index, kind)
        for effect in edit.target.effects:
            source = next(e for e in scene.effects if e.start_s == effect.start_s)
            shift = source.actor - effect.actor
            assert shift == (kind == "remove" and edit.number < source.actor)
        kept = ~change_mask(edit, SHAPE)
        before, after = render_video([edit.source, edit.target], SHAPE)
        assert ((before - after).abs().amax(0)[kept] <= 1.5 / 127.5).all()
        done += 1
        if done == 3:
            break
    assert done


@pytest.mark.parametrize("name", ["effect by reference", "motion by reference", "frame and effect"])
def test_tasks_with_references_work_in_a_world_with_effects(name):
    for index in range(3):
        task = make_task(name, Order(seed=2, index=index, settings=WORLD))
        if task.source is None:
            continue
        kept = ~change_of(task, SHAPE)
        before, after = render_video([task.source, task.target], SHAPE)
        assert ((before - after).abs().amax(0)[kept] <= 1.5 / 127.5).all()
