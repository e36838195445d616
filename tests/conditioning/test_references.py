import pytest
import torch

from openreels.conditioning.references import (
    FIRST_NAMED,
    NUM_TAGS,
    SOURCE,
    pack_audio,
    pack_video,
    stack,
    tag_numbers,
    token_present,
    token_tags,
)
from openreels.core.prompt_rules import SOURCE_HANDLE


def test_handles_are_numbered_in_the_order_of_the_request():
    assert tag_numbers(("@b", "@a"), source=False, num_tags=0) == {"@b": 3, "@a": 4}
    assert tag_numbers(("@a",), source=True, num_tags=NUM_TAGS) == {
        SOURCE_HANDLE: SOURCE,
        "@a": FIRST_NAMED,
    }


def test_more_handles_than_names_are_refused():
    with pytest.raises(ValueError, match=r"tells 8 references apart, got 9; leave some out"):
        tag_numbers([f"@a{index}" for index in range(9)], source=False, num_tags=NUM_TAGS)


def _video(frames, height, width):
    return torch.randn(1, 4, frames, height, width)


def test_pictures_and_clips_of_all_sizes_stand_one_after_the_other():
    wide, tall = _video(1, 4, 8), _video(3, 6, 2)
    packed = pack_video([(wide, 3), (tall, 5)])
    assert packed.latents.shape == (1, 4, 4, 6, 8)
    assert packed.tags.tolist() == [[3, 5, 5, 5]]
    assert torch.equal(packed.latents[:, :, :1, :4], wide)
    assert torch.equal(packed.latents[:, :, 1:, :, :2], tall)
    assert int(packed.present.sum()) == 4 * 8 + 3 * 6 * 2
    hidden = ~packed.present[:, None].expand_as(packed.latents)
    assert not packed.latents[hidden].any()


def test_tokens_are_numbered_and_hidden_as_their_latents():
    packed = pack_video([(_video(1, 4, 2), 3), (_video(1, 2, 4), 5)])
    assert token_tags(packed, 2).tolist() == [[3] * 4 + [5] * 4]
    assert token_present(packed, 2).tolist() == [[True, False] * 2 + [True, True, False, False]]
    assert token_present(packed, 1).sum() == 16


def test_sounds_stand_one_after_the_other():
    first, second = torch.randn(1, 4, 3), torch.randn(1, 4, 2)
    packed = pack_audio([(first, 3), (second, 7)])
    assert torch.equal(packed.latents, torch.cat([first, second], 2))
    assert packed.tags.tolist() == [[3, 3, 3, 7, 7]]
    assert packed.present.all()


def test_a_batch_pads_before_the_references():
    long = pack_video([(_video(2, 4, 4), 3)])
    short = pack_video([(_video(1, 2, 6), 4)])
    batch = stack([long, None, short])
    assert batch.latents.shape == (3, 4, 2, 4, 6)
    assert batch.tags.tolist() == [[3, 3], [0, 0], [0, 4]]
    assert not batch.present[1].any()
    assert torch.equal(batch.latents[2, :, 1, :2], short.latents[0, :, 0])
    assert batch.present[2, 1].sum() == 12
    assert not batch.present[2, 0].any()
    assert stack([None, None]) is None
    sounds = stack([pack_audio([(torch.ones(1, 4, 2), 3)]), pack_audio([(torch.ones(1, 4, 3), 4)])])
    assert sounds.tags.tolist() == [[0, 3, 3], [4, 4, 4]]
    assert sounds.latents[0, 0].tolist() == [0, 1, 1]
