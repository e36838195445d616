import pytest
import torch

from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.shots import SHOT_WORDS_FILE
from openreels.pipelines.voiced import with_words
from openreels.stage.camera import all_shots
from openreels.stage.captions import caption
from openreels.stage.scene import CAMERAS, PLACES
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.companions import ShotWordsPart, train_companion, weights_of
from openreels.training.shot_words import ShotWordsRecipe, ShotWordsTrainer, shot_words
from openreels.training.shots import SHOTS_WORLD
from openreels.training.told_words import BIN_S
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network


def _scenes(count):
    scenes = (sample_scene(4, number, settings=SHOTS_WORLD) for number in range(10 * count))
    return [scene for scene in scenes if scene.shots][:count]


@pytest.fixture
def recipe(told_words):
    return ShotWordsRecipe(**told_words)


def test_words_of_a_shot_are_those_of_its_sentence(recipe):
    split = PromptEncoder(recipe.encoder).tokenizer.split
    for number, scene in enumerate(_scenes(30)):
        text = caption(scene, number, tier="structured")
        words, found = split(text), shot_words(scene, text, split)
        shots = all_shots(scene)
        assert {word.shot for word in found} == set(range(len(shots)))
        assert [word.word for word in found] == list(range(found[0].word, found[-1].word + 1))
        for index, shot in enumerate(shots):
            own = [word for word in found if word.shot == index]
            said = [words[word.word] for word in own]
            assert said[:2] == ["shot", str(index + 1)]
            assert (said[2] == "from") is (index > 0)
            assert "from" not in said[3:]
            end = shots[index + 1].start_s if index + 1 < len(shots) else scene.duration_s
            for word in own:
                assert word.start * BIN_S <= shot.start_s < (word.start + 1) * BIN_S
                assert abs(word.end * BIN_S - end) <= BIN_S
                assert (PLACES[word.place], CAMERAS[word.camera]) == (shot.place, shot.camera)
                assert word.near == (shot.focus is not None)


def test_the_last_shot_ends_with_its_section(recipe):
    split = PromptEncoder(recipe.encoder).tokenizer.split
    scene = _scenes(1)[0]
    text = caption(scene, 0, tier="structured")
    assert shot_words(scene, text, split)[-1].word < len(split(text)) - 1
    place = text[: text.rindex(". ", 0, text.rindex(": "))]
    assert shot_words(scene, place, split)[-1].word == len(split(place)) - 1


def test_captions_without_times_tell_nothing(recipe):
    split = PromptEncoder(recipe.encoder).tokenizer.split
    scene = _scenes(1)[0]
    assert shot_words(scene, caption(scene, 1, tier="long"), split) == []
    plain = sample_scene(4, 1, settings=WorldSettings())
    trainer = ShotWordsTrainer(recipe)
    assert trainer.words_of(plain, caption(plain, 1, tier="structured")) == []


def test_a_part_trains_resumes_and_writes_changes_that_fit(recipe, tmp_path):
    part = ShotWordsPart(recipe=recipe)
    out = tmp_path / "out"
    assert not train_companion(
        part, out, time_limit_s=None, resume=True, watch=lambda done, total, values: done == 2
    )
    assert train_companion(part, out, time_limit_s=None, resume=True, watch=unwatched)
    path = weights_of(part, out)
    assert path.name == SHOT_WORDS_FILE
    start = load_network(recipe.start, kind=PromptEncoder)
    changed = with_words(start, path)
    whole = ShotWordsTrainer(recipe)
    for _ in range(4):
        values = whole.step()
    assert {"start", "end, seconds off", "shot", "place", "camera", "near"} <= values.keys()
    text = caption(_scenes(1)[0], 0, tier="structured")
    got, expected = (one.encode_text([text])[0] for one in (changed, whole.encoder))
    assert torch.allclose(got, expected, atol=2e-3)
    assert not torch.equal(got, start.encode_text([text])[0])
