from dataclasses import replace

import pytest
import torch

from openreels.core.protocols import AudioPart, ClipPart, ImagePart, TextPart
from openreels.core.seeding import generator
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import tiny
from openreels.stage.references import render_reference, render_still
from openreels.training.companions import MessageEncoderPart, train_companion, weights_of
from openreels.training.message_draws import (
    NOTHING,
    WORDS,
    draw_clip,
    draw_picture,
    draw_sound,
    words_of,
)
from openreels.training.message_encoder import (
    SOUND_SHAPE,
    VOCABULARY,
    MessageRecipe,
    MessageTrainer,
    vectors_of,
)
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network, save_network, shipped_path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    torch.manual_seed(3)
    words = tmp_path_factory.mktemp("words") / "text_encoder.safetensors"
    save_network(words, PromptEncoder(tiny()))
    return MessageRecipe(
        encoder=replace(
            tiny(),
            image_channels=16,
            image_width=16,
            image_depth=1,
            clip_tokens=3,
            clip_width=16,
            audio_channels=32,
            sound_width=16,
        ),
        start=str(words),
        num_steps=4,
        batch_size=6,
        fresh=2,
        fresh_clips=1,
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


def test_clips_and_sounds_are_the_same_for_the_same_number_and_say_what_they_are():
    said = {"clip": set(), "sound": set()}
    for number in range(60):
        reference, shape, words = draw_clip(5, number)
        assert draw_clip(5, number) == (reference, shape, words)
        said["clip"] |= set(words)
        acts = reference.scene.actors[0]
        if reference.empty:
            assert words == (reference.scene.place, NOTHING, NOTHING)
        elif words[1] != NOTHING:
            assert words[0].startswith(acts.action)
            assert words[1] == {"left": "leftwards", "right": "rightwards"}[acts.direction]
        else:
            assert reference.scene.effects or acts.face is not None
        heard = draw_sound(5, number)
        assert draw_sound(5, number) == heard
        said["sound"] |= set(heard[1])
    for kind, words in said.items():
        assert words <= set(VOCABULARY[kind])
        assert len(words) > 0.8 * len(VOCABULARY[kind])
    reference, shape, _ = draw_clip(5, 0)
    assert render_reference(reference, shape).clip.shape[1] in (17, 33, 49)
    assert render_reference(draw_sound(5, 0)[0], SOUND_SHAPE).waveform.shape[0] == 2


def test_what_is_not_named_is_not_learnt(recipe):
    trainer = MessageTrainer(replace(recipe, kinds=("sound",)))
    before = {name: value.clone() for name, value in trainer.encoder.state_dict().items()}
    values = trainer.step()
    assert set(values) == {"sound words", "sound right"}
    changed = {k for k, v in trainer.encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(name.startswith("media.sound.") for name in changed)


@pytest.mark.parametrize("kinds", [(), ("clip", "clip")])
def test_kinds_are_different_ones(kinds):
    with pytest.raises(ValueError, match="kinds must be different ones and at least one"):
        MessageRecipe(kinds=kinds)


def test_an_encoder_that_does_not_read_a_kind_cannot_learn_it(recipe):
    deaf = replace(recipe, encoder=replace(recipe.encoder, audio_channels=0))
    with pytest.raises(ValueError, match="must read sounds to learn them"):
        MessageTrainer(deaf)


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
    for name in ("image.cells.weight", "clip.cells.weight", "sound.patches.weight"):
        learnt = after.media.get_parameter(name)
        assert not torch.equal(learnt, fresh.encoder.media.get_parameter(name).half().float())


@pytest.mark.parametrize("kind", ["image", "clip", "sound"])
def test_a_few_steps_lower_the_loss_of_a_batch(recipe, kind):
    trainer = MessageTrainer(
        replace(recipe, kinds=(kind,), num_steps=80, learning_rate=1e-2, fresh=1, pool=12)
    )

    def loss():
        with torch.no_grad():
            return float(trainer.loss(list(range(6, 12)), generator(0), kind)[0])

    before = loss()
    for _ in range(40):
        trainer.step()
    assert loss() < 0.8 * before


def test_words_are_told_apart_by_their_vectors():
    encoder = load_network(shipped_path("text_encoder"), kind=PromptEncoder)
    for words in VOCABULARY.values():
        vectors = torch.nn.functional.normalize(vectors_of(encoder, words), dim=-1)
        nearest = (vectors @ vectors.T).fill_diagonal_(-1).amax(-1)
        assert float(nearest.max()) < 0.9


@pytest.fixture(scope="module")
def shipped():
    trainer = MessageTrainer(MessageRecipe(seed=4321))
    encoder = load_network(shipped_path("text_encoder"), kind=PromptEncoder).eval()
    trainer.encoder.load_state_dict(encoder.state_dict())
    return trainer


@pytest.mark.parametrize(("kind", "count"), [("image", 48), ("clip", 24), ("sound", 48)])
def test_the_shipped_encoder_says_what_references_show(shipped, kind, count):
    """On ones that training never had; a mistake is a word that is nearer than the true one."""
    with torch.no_grad():
        _, right = shipped.loss(list(range(count)), generator(1), kind)
    assert right > 0.85


def test_what_a_reference_says_stands_behind_its_handle(shipped):
    still, shape, words = draw_picture(4321, 3)
    assert len(words) == 3
    latents = shipped.video.encode(render_still(still, shape)[None, :, None])[0, :, 0]
    clip, sound = torch.randn(16, 9, 8, 8), torch.randn(32, 70)
    for part in (ImagePart(latents, 1), ClipPart(clip, 1), AudioPart(sound, 1)):
        context, mask = shipped.encoder.encode([[TextPart("@it bounces"), part]])
        assert context.shape[1] == int(mask.sum()) == 5
