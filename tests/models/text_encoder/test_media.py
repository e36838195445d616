from dataclasses import replace

import pytest
import torch

from openreels.core.protocols import AudioPart, ClipPart, ImagePart, TextPart
from openreels.models.text_encoder.media import MediaIn
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import stage_media, tiny

CONFIG = replace(
    tiny(), image_channels=4, image_width=8, image_depth=1, image_tokens=4, clip_tokens=2,
    clip_width=8, audio_channels=3, sound_width=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(1)
    return PromptEncoder(CONFIG).eval()


def _image(tag=0, height=4, width=4):
    return ImagePart(torch.randn(4, height, width), tag)


def _encode(encoder, *parts):
    context, mask = encoder.encode([parts])
    assert mask.all()
    return context[0]


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (_image(), 4),
        (_image(height=3, width=5), 4),
        (ClipPart(torch.randn(4, 5, 4, 4)), 2),
        (AudioPart(torch.randn(3, 11)), 3),
        (TextPart("a ball"), 0),
    ],
)
def test_every_kind_of_part_has_its_tokens(part, count):
    media = MediaIn(CONFIG)
    assert media([part]).shape == (count, CONFIG.width)
    assert media.num_tokens(part) == count


def test_clips_are_passed_over_without_tokens():
    media = MediaIn(replace(CONFIG, clip_tokens=0))
    clip = ClipPart(torch.randn(4, 5, 4, 4))
    assert media([clip]).shape == (0, CONFIG.width)
    assert media.num_tokens(clip) == 0


def test_a_clip_backwards_says_something_else():
    media, latents = MediaIn(CONFIG), torch.randn(4, 5, 4, 4)
    one, other = (media([ClipPart(x)]) for x in (latents, latents.flip(1)))
    assert not torch.allclose(one, other, atol=1e-4)


def test_a_sound_says_the_same_with_silence_up_to_its_padding():
    media, latents = MediaIn(CONFIG), torch.randn(3, 11)
    longer = torch.nn.functional.pad(latents, (0, 4))
    torch.testing.assert_close(media([AudioPart(latents)]), media([AudioPart(longer)]))
    assert not torch.allclose(media([AudioPart(latents)]), media([AudioPart(latents.flip(1))]))


@pytest.mark.parametrize("kind", ["clip", "sound"])
def test_a_batch_is_read_as_one_by_one(kind):
    media = MediaIn(CONFIG)
    size = (3, 4, 5, 4, 6) if kind == "clip" else (3, 3, 21)
    latents, reader = torch.randn(size), getattr(media, kind)
    singly = torch.cat([reader.read(one[None]) for one in latents])
    torch.testing.assert_close(reader.read(latents), singly)


def test_where_something_stands_is_seen():
    torch.manual_seed(0)
    media, empty = MediaIn(CONFIG), torch.zeros(4, 6, 6)
    left, right = empty.clone(), empty.clone()
    left[:, 3, 1], right[:, 3, 4] = 3.0, 3.0
    one, other = (media([ImagePart(latents)]) for latents in (left, right))
    assert not torch.allclose(one, other, atol=1e-4)


def test_pictures_of_one_thing_are_read_together_in_any_order(encoder):
    word, first, second = TextPart("@it", 3), _image(tag=3), _image(tag=3, height=3)
    both = _encode(encoder, word, first, second)
    assert encoder.tags([[word, first, second]]).tolist() == [[3] * 5]
    torch.testing.assert_close(both, _encode(encoder, word, second, first))
    assert not torch.allclose(both, _encode(encoder, word, first), atol=1e-4)
    torch.testing.assert_close(_encode(encoder, word, first, first), _encode(encoder, word, first))
    apart = _encode(encoder, word, first, _image(tag=4))
    assert apart.shape[0] == 1 + 4 + 4


def test_media_stand_where_their_part_stands(encoder):
    picture = _image(tag=3)
    message = [TextPart("put "), TextPart("@it", 3), picture, TextPart(" here now")]
    context, mask = encoder.encode([message])
    tags = encoder.tags([message])
    assert tags.tolist() == [[0, 3, 3, 3, 3, 3, 0, 0]]
    assert context.shape[:2] == mask.shape == tags.shape


def test_words_hear_of_what_is_shown(encoder):
    words = [TextPart("put "), TextPart("@it", 3)]
    with_one = _encode(encoder, *words, _image())
    with_other = _encode(encoder, *words, _image())
    assert not torch.allclose(with_one[:2], with_other[:2], atol=1e-4)


def test_a_batch_of_messages_with_and_without_media_equals_singles(encoder):
    messages = [
        [TextPart("a ball")],
        [TextPart("a cube"), _image(tag=3), AudioPart(torch.randn(3, 7), 4)],
        [TextPart("")],
        [TextPart(""), _image(tag=5)],
    ]
    context, mask = encoder.encode(messages)
    tags = encoder.tags(messages)
    assert mask.sum(1).tolist() == [1, 1 + 4 + 3, 1, 1 + 4]
    for row, message in enumerate(messages):
        count = int(mask[row].sum())
        torch.testing.assert_close(context[row, :count], _encode(encoder, *message))
        assert not context[row, count:].any()
        assert not tags[row, count:].any()
    assert tags[3].tolist()[:5] == [0, 5, 5, 5, 5]


def test_words_alone_are_read_as_by_an_encoder_of_words():
    """The same weights with and without the part for media give the same bits."""
    plain = PromptEncoder(tiny()).eval()
    both = PromptEncoder(CONFIG).eval()
    both.load_state_dict(both.state_dict() | plain.state_dict())
    texts = ["a red ball bounces", "", "the blue cube, by night"]
    left = plain.encode([[TextPart(text)] for text in texts])
    right = both.encode([[TextPart(text)] for text in texts])
    assert torch.equal(left[0], right[0])
    assert torch.equal(left[0], plain.encode_text(texts)[0])


def test_an_encoder_of_words_passes_over_media():
    plain = PromptEncoder(tiny()).eval()
    words = [TextPart("a ball "), TextPart("@x", 3)]
    seen = [words[0], _image(), words[1], AudioPart(torch.randn(3, 7))]
    assert torch.equal(plain.encode([words])[0], plain.encode([seen])[0])
    assert plain.tags([seen]).tolist() == [[0, 3]]


def test_too_much_is_cut_with_a_warning(caplog):
    encoder = PromptEncoder(replace(CONFIG, max_media_tokens=6)).eval()
    message = [_image(tag=3), _image(tag=4), TextPart("a ball")]
    context, _ = encoder.encode([message])
    assert context.shape[1] == 6 + 1
    assert encoder.tags([message]).tolist() == [[3, 3, 3, 3, 4, 4, 0]]
    assert "may have 6 tokens" in caplog.text


def test_gradients_reach_the_part_for_media(encoder):
    moving = ClipPart(torch.randn(4, 5, 4, 4))
    context, _ = encoder.embed([[TextPart("a"), _image(), moving, AudioPart(torch.randn(3, 7))]])
    context.square().sum().backward()
    for name, parameter in encoder.media.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_preset_reads_the_latents_of_the_shipped_autoencoders():
    media = MediaIn(stage_media())
    assert media([ImagePart(torch.zeros(16, 8, 8))]).shape == (3, 192)
    assert media([ClipPart(torch.zeros(16, 9, 8, 8))]).shape == (3, 192)
    assert media([AudioPart(torch.zeros(32, 43))]).shape == (3, 192)
