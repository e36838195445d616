from dataclasses import replace

import pytest
import torch

from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import tiny
from openreels.pipelines.voiced import WORDS_FILE, with_words
from openreels.stage.captions import caption
from openreels.stage.speech import SYLLABLES, VOICES
from openreels.stage.world import sample_scene
from openreels.training.companions import SpokenWordsPart, train_companion, weights_of
from openreels.training.heard import HEARD_WORLD
from openreels.training.spoken_words import SpokenWordsRecipe, SpokenWordsTrainer, said_words
from openreels.training.told_words import BIN_S
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network


def _scenes(count):
    scenes = (sample_scene(4, number, settings=HEARD_WORLD) for number in range(10 * count))
    return [scene for scene in scenes if scene.lines][:count]


@pytest.fixture
def recipe(told_words):
    return SpokenWordsRecipe(**told_words)


@pytest.mark.parametrize("tier", ["structured", "long"])
def test_said_words_are_where_the_caption_says_them(recipe, tier):
    split = PromptEncoder(recipe.encoder).tokenizer.split
    seen = 0
    for number, scene in enumerate(_scenes(20)):
        words = split(caption(scene, number, tier=tier))
        syllables = [(line, one) for line in scene.lines for one in line.syllables]
        for said in said_words(scene, words):
            assert words[said.word] == SYLLABLES[said.syllable]
            told = [
                (line, one)
                for line, one in syllables
                if one.text == words[said.word] and VOICES[said.voice] == line.voice
            ]
            times = [(one.start_s + one.end_s) / 2 for _, one in told]
            assert min(abs((said.bin + 0.5) * BIN_S - time) for time in times) < BIN_S
            assert (said.note > 0) in {one.pitch_hz is not None for _, one in told}
            seen += 1
    assert seen > 20


def test_a_line_that_is_cut_off_is_left_out():
    (scene,) = _scenes(1)
    words = ["it", "says", *(one.text for one in scene.lines[0].syllables)]
    said = said_words(scene, words)
    assert [one.word for one in said] == list(range(2, len(words)))
    assert [one.place for one in said] == list(range(len(said)))
    assert said_words(scene, words[:-1]) == []


def test_words_tell_more_and_nothing_but_the_changes_is_trained(recipe):
    trainer = SpokenWordsTrainer(replace(recipe, num_steps=60, learning_rate=2e-2))
    told = [(scene, caption(scene, 3, tier="structured")) for scene in _scenes(12)]
    before, values = trainer.losses(told)
    assert values["kept"] == values["told"] == 0
    frozen = {
        name: value.clone()
        for name, value in trainer.encoder.state_dict().items()
        if ".0." not in name.split("parametrizations")[-1]
    }
    for _ in range(30):
        loss, _ = trainer.losses(told)
        trainer.descend(loss, trainer.parameters)
    after, values = trainer.losses(told)
    assert after.item() < 0.7 * before.item()
    assert 0 < values["kept"] < values["told"]
    for name, value in frozen.items():
        assert torch.equal(value, trainer.encoder.state_dict()[name])


def test_a_part_trains_resumes_and_writes_changes_that_fit(recipe, tmp_path):
    part = SpokenWordsPart(recipe=recipe)
    out = tmp_path / "out"
    stopped = train_companion(
        part, out, time_limit_s=None, resume=True, watch=lambda done, total, values: done == 2
    )
    assert not stopped
    assert train_companion(part, out, time_limit_s=None, resume=True, watch=unwatched)
    path = weights_of(part, out)
    assert path.name == WORDS_FILE
    start = load_network(recipe.start, kind=PromptEncoder)
    changed = with_words(start, path)
    whole = SpokenWordsTrainer(recipe)
    for _ in range(4):
        whole.step()
    text = caption(_scenes(1)[0], 0, tier="structured")
    got, known = changed.encode_text([text])[0], start.encode_text([text])[0]
    assert not torch.equal(got, known)
    expected = whole.encoder.encode_text([text])[0]
    assert torch.allclose(got, expected, atol=2e-3)


def test_what_does_not_fit_is_refused(recipe):
    with pytest.raises(ValueError, match="durations_s must be one or more in"):
        replace(recipe, durations_s=(5.0,))
    with pytest.raises(ValueError, match="encoder must be that of"):
        SpokenWordsTrainer(replace(recipe, encoder=tiny()))
