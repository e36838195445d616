from dataclasses import replace

import pytest
import torch

from openreels.core.protocols import TextPart
from openreels.core.seeding import generator
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import tiny
from openreels.training.companions import MessageEncoderPart, train_companion, weights_of
from openreels.training.dataset import ShardDataset
from openreels.training.message_encoder import MessageRecipe, MessageTrainer, looks_of
from openreels.training.text_captions import ABSENT, NUM_SLOTS
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network, save_network


@pytest.fixture(scope="module")
def recipe(lessons_root, tmp_path_factory):
    torch.manual_seed(3)
    words = tmp_path_factory.mktemp("words") / "text_encoder.safetensors"
    save_network(words, PromptEncoder(tiny()))
    return MessageRecipe(
        encoder=replace(tiny(), image_channels=16, audio_channels=4, max_tokens=24),
        start=str(words),
        folders=(str(lessons_root),),
        num_steps=3,
        batch_size=4,
    )


def test_labels_are_what_is_true_of_the_scene(lessons_root):
    scene = ShardDataset(lessons_root).read([0]).scenes[0]
    labels = looks_of(scene)
    assert len(labels) == NUM_SLOTS
    assert (ABSENT in labels) == (len(scene.actors) < 3)


def test_media_are_learnt_and_words_stay_bit_for_bit(recipe, tmp_path):
    before = load_network(recipe.start, kind=PromptEncoder)
    part = MessageEncoderPart(recipe=recipe)
    run = {"time_limit_s": None, "resume": True}
    assert not train_companion(part, tmp_path, watch=lambda done, *_: done == 1, **run)
    assert train_companion(part, tmp_path, watch=unwatched, **run)
    after = load_network(weights_of(part, tmp_path), kind=PromptEncoder)
    # Weights are written in half precision: those of words differ by their rounding alone.
    for name, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], value.half().float()), name
    said = [[TextPart("a red ball bounces")]]
    rounded = PromptEncoder(tiny()).eval()
    rounded.load_state_dict({k: v.half().float() for k, v in before.state_dict().items()})
    assert torch.equal(after.encode(said)[0], rounded.encode(said)[0])
    fresh = MessageTrainer(recipe, tmp_path)
    assert not torch.equal(
        after.media.image.weight, fresh.encoder.media.image.weight.half().float()
    )


def test_a_few_steps_lower_the_loss_of_a_batch(recipe, lessons_root):
    quick = replace(recipe, num_steps=80, learning_rate=1e-2, batch_size=12)
    trainer = MessageTrainer(quick, lessons_root)
    batch = ShardDataset(lessons_root).read(range(8))

    def loss():
        with torch.no_grad():
            return float(trainer.loss(batch.lessons, batch.scenes, generator(0)))

    before = loss()
    for _ in range(40):
        trainer.step()
    assert loss() < 0.8 * before
