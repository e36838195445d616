"""Changes for prompts with hard cuts: which prompts are read with them, and that no other is."""

import copy

import numpy as np
import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.shots import SHOTS_FILE, has_shots
from openreels.pipelines.voiced import VOICES_FILE, WORDS_FILE
from openreels.stage.captions import caption
from openreels.stage.world import WorldSettings, sample_scene
from openreels.weights.lora import save_lora

WORDS = LowRankConfig(rank=2, alpha=2.0, layers=("blocks.",))
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


def _write_words(path, prompts, seed):
    torch.manual_seed(seed)
    changed = copy.deepcopy(prompts)
    add_low_rank(changed, WORDS)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter) * parameter.requires_grad)
    save_lora(path, changed, low_rank_factors(changed.state_dict()), WORDS)


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


def test_they_alone_are_read_with_the_changes(model_folder):
    bare = Components.load(model_folder)
    assert bare.shots is None
    assert bare.cutting is bare
    _write_words(model_folder / SHOTS_FILE, bare.text_encoder, 1)
    both = Components.load(model_folder)
    assert both.text_encoder.table is both.cutting.text_encoder.table
    for request, same in ((PLAIN, True), (CUT, False)):
        ours, theirs = generate(both, request), generate(bare, request)
        assert np.array_equal(ours.clip.frames, theirs.clip.frames) is same
        assert (ours.metadata["cutting"], theirs.metadata["cutting"]) == (not same, False)


def test_with_speech_both_changes_come_together(model_folder, components, write_changes):
    config = LowRankConfig(rank=2, alpha=2.0, layers=("audio.",))
    write_changes(model_folder / VOICES_FILE, components.mmdit.config, config)
    _write_words(model_folder / SHOTS_FILE, components.text_encoder, 1)
    alone = Components.load(model_folder)
    assert alone.speaking.cutting.text_encoder is alone.shots.plain
    _write_words(model_folder / WORDS_FILE, components.text_encoder, 2)
    both = Components.load(model_folder)
    kinds = (both, both.speaking, both.cutting, both.speaking.cutting)
    plain, voices, shots, all_ = (
        torch.cat([value.flatten() for value in kind.text_encoder.parameters()]) for kind in kinds
    )
    torch.testing.assert_close(all_ - plain, (voices - plain) + (shots - plain))
    assert not torch.equal(voices, plain)
    assert not torch.equal(shots, plain)
    assert both.speaking.cutting.mmdit is both.voiced.mmdit


def test_a_file_that_does_not_fit_is_refused(model_folder):
    (model_folder / SHOTS_FILE).write_bytes(b"x")
    with pytest.raises(CheckpointError):
        Components.load(model_folder)
