from dataclasses import replace

import pytest
import torch

from openreels.core.protocols import ImagePart, TextPart
from openreels.core.seeding import generator
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import tiny
from openreels.stage.references import render_still
from openreels.training.companions import MessageEncoderPart, train_companion, weights_of
from openreels.training.message_encoder import (
    NOTHING,
    WORDS,
    MessageRecipe,
    MessageTrainer,
    draw_picture,
    vectors_of,
    words_of,
)
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network, save_network, shipped_path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    torch.manual_seed(3)
    words = tmp_path_factory.mktemp("words") / "text_encoder.safetensors"
    save_network(words, PromptEncoder(tiny()))
    return MessageRecipe(
        encoder=replace(tiny(), image_channels=16, image_width=16, image_depth=1),
        start=str(words),
        num_steps=3,
        batch_size=8,
        fresh=2,
    )


def test_pictures_are_the_same_for_the_same_number_and_say_what_they_show():
    said = set()
    for number in range(40):
        still, shape, words = draw_picture(5, number)
        assert draw_picture(5, number) == (still, shape, words)
        assert set(words) <= set(WORDS)
        said |= set(words)
        if still.empty:
            assert words == (still.scene.place, NOTHING, NOTHING)
            assert still.scene.style == "plain"
        elif words[2] == NOTHING:
            assert words == words_of(still.scene, "style")
        else:
            assert words == words_of(still.scene, "subject")
            assert len(still.scene.actors) == 1
    assert len(said) > 20
    pixels = render_still(*draw_picture(5, 1)[:2])
    assert pixels.shape[0] == 3


def test_pictures_are_learnt_and_words_stay_bit_for_bit(recipe, tmp_path):
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
    whole = train_companion(part, tmp_path / "whole", watch=unwatched, **run)
    assert whole
    once = load_network(weights_of(part, tmp_path / "whole"), kind=PromptEncoder)
    fresh = MessageTrainer(recipe)
    for name, value in after.state_dict().items():
        assert torch.equal(once.state_dict()[name], value), name
    cells = after.media.image.cells.weight
    assert not torch.equal(cells, fresh.encoder.media.image.cells.weight.half().float())


def test_a_few_steps_lower_the_loss_of_a_batch(recipe):
    trainer = MessageTrainer(replace(recipe, num_steps=80, learning_rate=1e-2, fresh=1))

    def loss():
        with torch.no_grad():
            return float(trainer.loss(list(range(8)), generator(0))[0])

    before = loss()
    for _ in range(40):
        trainer.step()
    assert loss() < 0.8 * before


def test_words_are_told_apart_by_their_vectors():
    encoder = load_network(shipped_path("text_encoder"), kind=PromptEncoder)
    vectors = torch.nn.functional.normalize(vectors_of(encoder, WORDS), dim=-1)
    nearest = (vectors @ vectors.T).fill_diagonal_(-1).amax(-1)
    assert float(nearest.max()) < 0.9


def test_the_shipped_encoder_says_what_pictures_of_subjects_show():
    """On pictures that training never saw; a mistake is a word that is nearer than the true one."""
    encoder = load_network(shipped_path("text_encoder"), kind=PromptEncoder).eval()
    trainer = MessageTrainer(MessageRecipe(seed=4321))
    trainer.encoder.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        _, right = trainer.loss(list(range(48)), generator(1))
    assert right > 0.85
    still, shape, words = draw_picture(4321, 3)
    latents = trainer.video.encode(render_still(still, shape)[None, :, None])[0, :, 0]
    context, mask = encoder.encode([[TextPart("@it bounces"), ImagePart(latents, 1)]])
    assert context.shape[1] == int(mask.sum()) == 5
    assert len(words) == 3
