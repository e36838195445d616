from dataclasses import asdict, replace
from random import Random

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.tokenizer import HashTokenizer
from openreels.stage.captions import describe
from openreels.stage.scene import COLOURS
from openreels.training.text_captions import (
    ABSENT,
    ACTOR_SLOTS,
    NUM_SLOTS,
    SCENE_SLOTS,
    Noise,
    caption_batch,
    misspell,
    random_scene,
    slot_labels,
    slot_sizes,
    twin,
)
from openreels.training.text_encoder import (
    STATE_FILE,
    TextRecipe,
    TextTrainer,
    contrast_loss,
    export_text_encoder,
    slot_loss,
    train_text_encoder,
)
from openreels.training.text_measures import (
    embed,
    near_misses,
    nearness_accuracy,
    retrieval_accuracy,
    slot_accuracies,
)
from openreels.weights.checkpoint import load_network, read_network_header
from openreels.weights.tensors import read_tensors, write_tensors

TINY = TextRecipe(
    encoder=replace(presets.tiny(), width=64, num_heads=4, num_buckets=1024, max_tokens=48),
    num_steps=40,
    num_scenes=12,
    learning_rate=5e-3,
    warmup_steps=5,
    log_every=5,
    save_every=1000,
)


def test_labels_name_what_is_said_and_only_that():
    scene = random_scene(0, 1, 2)
    said = describe(scene, 0)
    labels, sizes = slot_labels(scene, said), slot_sizes()
    assert len(labels) == len(sizes) == NUM_SLOTS
    first = scene.actors[said.order[0]]
    assert labels[1] == COLOURS.index(first.colour)
    for slot, name in ((2, "material"), (3, "size"), (5, "side")):
        assert (labels[slot] == sizes[slot]) == (name not in said.stated[0])
    assert labels[14:21] == [ABSENT] * 7


def test_a_twin_differs_from_its_scene():
    rng = Random(0)
    for index in range(100):
        scene = random_scene(5, index, 1 + index % 3)
        other = twin(scene, rng)
        assert other != scene
        assert len(other.actors) == len(scene.actors)


def test_batches_are_the_same_for_the_same_step():
    tokenizer = HashTokenizer(TINY.encoder)
    first, again, other = (caption_batch(tokenizer, 1, s, 8, Noise()) for s in (3, 3, 4))
    assert torch.equal(first.prompts.words, again.prompts.words)
    assert torch.equal(first.prompts.weights, again.prompts.weights)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)


def test_captions_of_one_scene_never_conflict():
    tokenizer = HashTokenizer(TINY.encoder)
    for step in range(10):
        conflicts = caption_batch(tokenizer, 1, step, 16, Noise(empty=0.0)).conflicts()
        assert torch.equal(conflicts, conflicts.T)
        assert not conflicts.diagonal().any()
        assert not conflicts.diagonal(16).any()
        assert conflicts.float().mean() > 0.6


def test_misspelling_keeps_most_of_the_word():
    rng = Random(1)
    for _ in range(50):
        spoilt = misspell("crimson", rng)
        assert len(set(spoilt) & set("crimson")) >= 5
        assert 6 <= len(spoilt) <= 8


def test_idle_words_come_in_only_when_asked_for():
    tokenizer = HashTokenizer(TINY.encoder)
    quiet = Noise(typo=0.0, drop=0.0, filler=0.0, empty=0.0)
    lengths = {}
    for name, noise in (("quiet", quiet), ("chatty", replace(quiet, filler=0.3))):
        batches = [caption_batch(tokenizer, 1, step, 16, noise) for step in range(5)]
        lengths[name] = sum(int(b.prompts.attendable.sum()) for b in batches)
    assert lengths["chatty"] > 1.1 * lengths["quiet"]


def test_contrast_loss_is_that_of_the_formula_and_ignores_what_does_not_conflict():
    pooled = torch.nn.functional.normalize(torch.randn(4, 5), dim=-1)
    conflicts = torch.tensor(
        [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.bool
    )
    scores = pooled @ pooled.T / 0.5
    rows = ((0, 2, [1, 2, 3]), (1, 3, [0, 2, 3]), (2, 0, [0, 1]), (3, 1, [0, 1]))
    expected = [
        torch.logsumexp(scores[i, rivals], 0) - scores[i, partner] for i, partner, rivals in rows
    ]
    loss = contrast_loss(pooled, conflicts, 0.5)
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_slot_loss_skips_absent_actors():
    scores = [torch.randn(2, 3), torch.randn(2, 4)]
    labels = torch.tensor([[1, ABSENT], [0, 3]])
    expected = -(
        scores[0].log_softmax(-1)[0, 1]
        + scores[0].log_softmax(-1)[1, 0]
        + scores[1].log_softmax(-1)[1, 3]
    )
    torch.testing.assert_close(slot_loss(scores, labels), expected / 3)


def test_a_short_training_learns():
    trainer = TextTrainer(TINY)
    test_batch = caption_batch(trainer.encoder.tokenizer, 999, 0, 32, Noise())

    def measure() -> float:
        with torch.no_grad():
            return float(trainer.losses(test_batch)["slots"])

    before = measure()
    for _ in range(TINY.num_steps):
        trainer.step()
    assert measure() < 0.85 * before


def test_resuming_is_bitwise_no_interruption(tmp_path):
    recipe = replace(TINY, num_steps=6)
    whole = train_text_encoder(tmp_path / "whole", recipe)
    short = TextTrainer(recipe)
    for _ in range(3):
        short.step()
    (tmp_path / "parts").mkdir()
    short.save(tmp_path / "parts" / STATE_FILE)
    resumed = train_text_encoder(tmp_path / "parts", recipe)
    assert resumed.step_index == 6
    for name, value in whole.encoder.state_dict().items():
        assert torch.equal(value, resumed.encoder.state_dict()[name]), name
    for name, value in whole.reader.state_dict().items():
        assert torch.equal(value, resumed.reader.state_dict()[name]), name
    saved, again = (read_tensors(tmp_path / name / STATE_FILE)[0] for name in ("whole", "parts"))
    assert any("exp_avg_sq" in name for name in saved)
    assert saved.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in saved.items())  # moments too


def test_a_state_of_another_network_or_of_none_is_refused(tmp_path):
    TextTrainer(TINY).save(tmp_path / STATE_FILE)
    with pytest.raises(CheckpointError, match="another seed"):
        TextTrainer(replace(TINY, seed=5)).load(tmp_path / STATE_FILE)
    with pytest.raises(CheckpointError, match="another encoder"):
        TextTrainer(replace(TINY, encoder=presets.tiny())).load(tmp_path / STATE_FILE)
    write_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"kind": "other"})
    with pytest.raises(CheckpointError, match="no state of a prompt encoder"):
        TextTrainer(TINY).load(tmp_path / "other.safetensors")


def test_who_watches_is_told_every_step_and_may_end_it(tmp_path):
    seen = []

    def watch(done, total, values):
        seen.append((done, total, set(values)))
        return done == 2

    trainer = train_text_encoder(tmp_path, TINY, watch=watch)
    assert trainer.step_index == 2
    assert seen == [(step, 40, {"slots", "contrast"}) for step in (1, 2)]


def test_a_time_limit_stops_and_saves(tmp_path):
    trainer = train_text_encoder(tmp_path, TINY, time_limit_s=0.0)
    assert trainer.step_index == 0
    assert (tmp_path / STATE_FILE).exists()


def test_an_exported_encoder_reads_as_the_trained_one(tmp_path):
    trainer = TextTrainer(TINY)
    path = tmp_path / "text_encoder.safetensors"
    export_text_encoder(trainer, path, story={"data": "none"})
    loaded = load_network(path, kind=PromptEncoder)
    assert loaded.config == TINY.encoder
    texts = ["a red ball bounces", ""]
    torch.testing.assert_close(
        loaded.encode_text(texts)[0],
        trainer.encoder.eval().encode_text(texts)[0],
        atol=2e-2,  # fp16 storage
        rtol=0.0,
    )
    assert read_network_header(path).metadata["data"] == "none"


def test_a_near_miss_differs_in_one_attribute():
    scene = random_scene(1, 1, 1)
    misses = near_misses(scene)
    assert len(set(misses)) == 7 + 4 + 4
    for other in misses:
        pairs = zip(asdict(scene.actors[0]).items(), asdict(other.actors[0]).items(), strict=True)
        assert sum(a != b for a, b in pairs) == 1


def test_measures_are_at_chance_before_training_and_perfect_for_equal_texts():
    trainer = TextTrainer(TINY)
    slots = slot_accuracies(trainer.encoder, trainer.reader, count=12)
    assert set(slots) == {*ACTOR_SLOTS, *SCENE_SLOTS, "said"}
    assert slots["colour"] < 0.5
    vectors = embed(trainer.encoder, ["a red ball", "a red ball", "night"])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(vectors[0], vectors[1])
    assert 0.0 <= retrieval_accuracy(trainer.encoder, count=8) <= 1.0
    assert 0.0 <= nearness_accuracy(trainer.encoder, count=3) <= 1.0


def test_learning_rate_grows_then_falls():
    trainer = TextTrainer(TINY)
    rates = []
    for step in range(TINY.num_steps + 1):
        trainer.step_index = step
        rates.append(trainer.learning_rate())
    assert rates[0] < rates[4] == pytest.approx(max(rates), rel=0.03)
    assert rates[-1] == pytest.approx(0.02 * TINY.learning_rate)
