"""Changes for voices and music: which prompts run with them, and that no other is touched."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.components import Components
from openreels.pipelines.fast import Distilled, FastBase
from openreels.pipelines.generate import generate
from openreels.pipelines.voiced import (
    VOICES_FILE,
    WORDS_FILE,
    find_voiced,
    is_voiced,
    with_words,
)
from openreels.stage.captions import caption
from openreels.stage.enhance import StageEnhancer
from openreels.stage.world import WorldSettings, sample_scene

CONFIG = LowRankConfig(rank=2, alpha=2.0, layers=("audio.",), whole=("audio.head.out.bias",))
PLAIN = GenerationRequest(
    prompt="a red ball bounces", duration_s=1.0, seed=3, steps=2, enhance=False
)
DISTILLED = Distilled(
    num_steps=2,
    shift=1.0,
    guidance_scale=1,
    audio_guidance_scale=1,
    sync_guidance_scale=1,
    audio_lag=1,
)
SAID = replace(PLAIN, prompt="a red ball says <dialogue>ba mo</dialogue>")


@pytest.fixture
def folder(components, model_folder, write_changes):
    write_changes(model_folder / VOICES_FILE, components.mmdit.config, CONFIG)
    return model_folder


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a ball bounces", False),
        ('the ball says "ba-mo" in a low voice', True),
        ("a red ball sings", True),
        ("sad music plays on plucked strings", True),
        ('along the bottom it says "NEW"', False),
        ("a star jumps to the music of @song", False),
        ("music like @theme plays", False),
        ("music in the mood of @audio_1 plays", False),
        ("<sfx>a bright clink</sfx> as the @ball lands", False),
        ("a sign reads <text>HELLO</text>", False),
        ("@ball says <dialogue>ba mo</dialogue>", True),
        ("<singing>la la</singing>", True),
        ("<bgm>sad music</bgm> over the sea", True),
    ],
)
def test_spans_of_speech_song_and_music_ask_for_the_changes(prompt, wanted):
    assert is_voiced(prompt) is wanted


@pytest.mark.parametrize("share", ["speech_share", "song_share", "music_share"])
def test_captions_that_tell_what_is_heard_ask_for_them(share):
    settings = replace(WorldSettings(), **{share: 1.0})
    told = 0
    for number in range(60):
        scene = sample_scene(5, number, settings=settings)
        for tier in ("long", "structured"):
            text = caption(scene, number, tier=tier)
            words = ["-".join(s.text for s in line.syllables) for line in scene.lines]
            if any(word in text for word in words) or "music" in text:  # long ones may leave it out
                assert is_voiced(text), text
                told += 1
    assert told > 60


def test_captions_of_what_is_seen_do_not():
    settings = WorldSettings(
        words_share=0.5, subtitle_share=0.5, watermark_share=0.3, face_share=0.5, ambience_share=0.5
    )
    for number in range(80):
        scene = sample_scene(5, number, settings=settings)
        for tier in ("long", "structured"):
            assert not is_voiced(caption(scene, number, tier=tier)), caption(
                scene, number, tier=tier
            )


def test_free_text_asks_for_them_once_it_is_enhanced():
    for prompt in ("a red ball sings", "a blue ball speaks", "a cube jumps to happy music"):
        assert is_voiced(StageEnhancer().enhance(prompt).prompt)
    assert not is_voiced(StageEnhancer().enhance("a cube jumps in the rain").prompt)


def test_other_prompts_run_as_without_the_file(folder):
    both = Components.load(folder)
    (folder / VOICES_FILE).rename(folder / "voices.safetensors")
    bare = Components.load(folder)
    assert bare.voiced is None
    assert bare.speaking is bare
    ours, theirs = generate(both, PLAIN), generate(bare, PLAIN)
    assert np.array_equal(ours.clip.waveform, theirs.clip.waveform)
    assert np.array_equal(ours.clip.frames, theirs.clip.frames)
    assert (ours.metadata["voiced"], theirs.metadata["voiced"]) == (False, False)


def test_prompts_with_speech_run_with_the_changes(folder):
    both = Components.load(folder)
    ours = generate(both, SAID)
    (folder / VOICES_FILE).rename(folder / "voices.safetensors")
    bare = Components.load(folder)
    merged = Components.load(folder, loras=((folder / "voices.safetensors", 1.0),))
    theirs, same = generate(bare, SAID), generate(merged, SAID)
    assert (ours.metadata["voiced"], theirs.metadata["voiced"]) == (True, False)
    assert np.array_equal(ours.clip.waveform, same.clip.waveform)
    assert not np.array_equal(ours.clip.waveform, theirs.clip.waveform)


def test_each_network_has_them_and_keeps_its_own(folder, components):
    other = MMDiT(components.mmdit.config).requires_grad_(False)
    voiced = find_voiced(folder, components.mmdit, other, None, components.text_encoder)
    assert voiced is not None
    assert (voiced.fast, voiced.text_encoder) == (None, None)
    for own, changed in ((components.mmdit, voiced.mmdit), (other, voiced.referenced)):
        before, after = dict(own.named_parameters()), dict(changed.named_parameters())
        touched = {name for name, value in before.items() if after[name] is not value}
        assert touched
        assert all(name.startswith("audio.") for name in touched)
        assert not any(torch.equal(before[name], after[name]) for name in touched)
        assert not any(value.requires_grad for value in after.values())


def test_their_prompts_are_read_with_the_changes_of_the_prompt_encoder(folder, write_words):
    bare = generate(Components.load(folder), SAID)
    write_words(folder / WORDS_FILE, Components.load(folder).text_encoder)
    both = Components.load(folder)
    speaking = both.speaking.text_encoder
    assert speaking is not both.text_encoder
    assert speaking.table is both.text_encoder.table
    for text, same in (("a red ball", False), ("", False)):
        own, other = (one.encode_text([text])[0] for one in (both.text_encoder, speaking))
        assert torch.equal(own, other) is same
    said = generate(both, SAID)
    assert not np.array_equal(said.clip.waveform, bare.clip.waveform)
    (folder / WORDS_FILE).rename(folder / "words.safetensors")
    plain = generate(Components.load(folder), PLAIN)
    assert np.array_equal(generate(both, PLAIN).clip.waveform, plain.clip.waveform)
    path = folder / VOICES_FILE
    with pytest.raises(CheckpointError, match="changes the network mmdit"):
        with_words(both.text_encoder, path)


def test_the_distilled_network_takes_its_changed_place(folder, components):
    fast = FastBase(network=components.mmdit, distilled=DISTILLED)
    base = MMDiT(components.mmdit.config).requires_grad_(False)
    voiced = find_voiced(folder, base, None, fast.network, components.text_encoder)
    speaking = replace(components, mmdit=base, fast=fast, voiced=voiced).speaking
    assert speaking.mmdit is voiced.mmdit
    assert speaking.fast.network is voiced.fast
    assert speaking.fast.distilled is DISTILLED


def test_a_file_of_another_base_is_refused(folder, components):
    other = MMDiT(replace(components.mmdit.config, mlp_width=40))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        find_voiced(folder, other, None, None, components.text_encoder)
    (folder / VOICES_FILE).write_bytes(b"x")
    with pytest.raises(CheckpointError):
        Components.load(folder)
