"""Changes for prompts with hard cuts: which prompts are read with them, and that no other is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.low_rank import WORLD_LORA_FILE
from openreels.pipelines.shots import SHOT_WORDS_FILE, SHOTS_FILE, has_shots, is_cut
from openreels.pipelines.voiced import VOICES_FILE, WORDS_FILE
from openreels.stage.captions import caption
from openreels.stage.world import WorldSettings, sample_scene

CHANGES = LowRankConfig(rank=2, alpha=2.0, layers=("video.",))
PLAIN = GenerationRequest(
    prompt="a red ball bounces", duration_s=1.0, seed=3, steps=2, enhance=False
)
CUT = GenerationRequest(
    prompt="@ball is a red ball. shot 1: on a beach. shot 2, from 0.5 s: in a room.",
    duration_s=1.0,
    seed=3,
    steps=2,
    enhance=False,
)


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a red ball bounces", False),
        ("Scene: shot 1: at sea; Shot 2, from 1.0 s: a room", True),
        ("a wide shot of 2 balls", False),
        ("a gunshot 2 times", False),
        ("shot 1: a close view of shot 20", False),
    ],
)
def test_prompts_that_number_their_shots_have_them(prompt, wanted):
    assert has_shots(prompt) is wanted


def test_structured_captions_of_scenes_with_cuts_have_them_and_no_others():
    cuts = WorldSettings(cut_share=0.5)
    seen = set()
    for number in range(60):
        scene = sample_scene(5, number, settings=cuts)
        seen.add(bool(scene.shots))
        for held_out in (False, True):
            text = caption(scene, number, tier="structured", held_out=held_out)
            assert has_shots(text) is bool(scene.shots), text
    assert seen == {False, True}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"prompt": "a red ball bounces"}, False),
        ({"first_frame": "a.png"}, True),
        ({"extend": "a.mp4"}, True),
        ({"keyframes": (Keyframe(image="a.png", time_s=0.5),)}, True),
        ({"keyframes": (Keyframe(image="a.png", time_s=None),)}, False),
        ({"edit": "a.mp4"}, False),
        ({"references": (Reference(tag="ball", images=("a.png",)),)}, False),
        ({"voices": (TaggedFile(tag="ball", path="a.wav"),)}, False),
    ],
)
def test_references_and_sources_are_for_networks_that_know_them(change, wanted):
    assert is_cut(replace(CUT, **change)) is wanted


@pytest.fixture
def folder(model_folder, components, write_changes, write_words):
    write_changes(model_folder / SHOTS_FILE, components.mmdit.config, CHANGES)
    write_words(model_folder / SHOT_WORDS_FILE, components.text_encoder)
    return model_folder


def test_they_alone_run_with_the_changes(folder):
    both = Components.load(folder)
    (folder / SHOTS_FILE).rename(folder / "shots.safetensors")
    bare = Components.load(folder)
    assert bare.shots is None
    assert bare.cutting is bare
    for request, same in ((PLAIN, True), (CUT, False)):
        ours, theirs = generate(both, request), generate(bare, request)
        assert np.array_equal(ours.clip.frames, theirs.clip.frames) is same
        assert (ours.metadata["cutting"], theirs.metadata["cutting"]) == (not same, False)


def test_they_stand_in_the_place_of_those_for_the_world(folder, components, write_changes):
    alone = generate(Components.load(folder), CUT)
    write_changes(folder / WORLD_LORA_FILE, components.mmdit.config, CHANGES)
    world = Components.load(folder)
    beside = generate(world, CUT)
    assert np.array_equal(alone.clip.frames, beside.clip.frames)
    base = dict(components.mmdit.named_parameters())
    own, shots = (dict(one.mmdit.named_parameters()) for one in (world, world.cutting))
    touched = {name for name, value in shots.items() if not torch.equal(value, base[name])}
    assert touched
    assert all(name.startswith("video.") for name in touched)
    assert not any(torch.equal(shots[name], own[name]) for name in touched)


def test_without_changes_of_the_prompt_encoder_its_own_reads(folder):
    (folder / SHOT_WORDS_FILE).unlink()
    found = Components.load(folder)
    assert found.cutting.text_encoder is found.text_encoder
    assert found.cutting.mmdit is not found.mmdit


def test_with_speech_both_changes_come_together(folder, components, write_changes, write_words):
    config = LowRankConfig(rank=2, alpha=2.0, layers=("audio.",))
    write_changes(folder / VOICES_FILE, components.mmdit.config, config)
    write_words(folder / WORDS_FILE, components.text_encoder)
    both = Components.load(folder)
    kinds = (both, both.speaking, both.cutting, both.cutting.speaking)
    for network in ("text_encoder", "mmdit"):
        plain, voices, shots, all_ = (
            torch.cat([value.flatten() for value in getattr(kind, network).parameters()])
            for kind in kinds
        )
        torch.testing.assert_close(all_ - plain, (voices - plain) + (shots - plain))
        assert not torch.equal(voices, plain)
        assert not torch.equal(shots, plain)
    said = replace(CUT, prompt=f"{CUT.prompt} @ball says <dialogue>ba-mo</dialogue>")
    told = generate(both, said).metadata
    assert (told["cutting"], told["voiced"]) == (True, True)


@pytest.mark.parametrize("name", [SHOTS_FILE, SHOT_WORDS_FILE])
def test_a_file_that_does_not_fit_is_refused(folder, name):
    (folder / name).write_bytes(b"x")
    with pytest.raises(CheckpointError):
        Components.load(folder)
