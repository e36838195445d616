import math

import pytest
import torch

from openreels.evaluation.changes import (
    centre_of,
    changed_psnr_db,
    kept_psnr_db,
    nearest_word,
    overlap,
    trace_left,
)

SOURCE, TARGET = torch.zeros(3, 2, 8, 8), torch.zeros(3, 2, 8, 8)
TARGET[:, :, 2:4, 2:4] = 0.5
WHERE = torch.zeros(2, 8, 8, dtype=torch.bool)
WHERE[:, 2:4, 2:4] = True


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_trace_is_the_share_of_the_source(share):
    mixed = torch.lerp(TARGET, SOURCE, share)
    assert trace_left(mixed, SOURCE, TARGET, WHERE) == pytest.approx(share)


def test_no_difference_has_no_trace():
    assert math.isnan(trace_left(SOURCE, SOURCE, TARGET, ~WHERE))


def test_what_is_kept_and_what_is_changed():
    assert kept_psnr_db(TARGET, SOURCE, WHERE) == 100
    assert changed_psnr_db(SOURCE, TARGET, WHERE) == pytest.approx(10 * math.log10(4 / 0.25))
    noisy = SOURCE + 0.02
    assert kept_psnr_db(noisy, SOURCE, WHERE) == pytest.approx(40, abs=0.01)
    assert math.isnan(kept_psnr_db(SOURCE, SOURCE, torch.ones_like(WHERE)))
    assert math.isnan(changed_psnr_db(SOURCE, SOURCE, torch.zeros_like(WHERE)))


def test_the_nearest_word_is_decided_where_words_differ():
    choices = {"black": SOURCE, "grey": TARGET}
    far = TARGET.clone()
    far[:, :, 6:] = -1.0  # the same for both words
    assert nearest_word(far, choices) == "grey"
    assert nearest_word(torch.lerp(SOURCE, TARGET, 0.4), choices) == "black"
    with pytest.raises(ValueError, match="at least one true clip"):
        nearest_word(SOURCE, {})


def test_middles_and_overlaps():
    cover = WHERE.float()
    assert centre_of(cover) == pytest.approx((3 / 8, 3 / 8))
    assert centre_of(torch.zeros(2, 8, 8)) is None
    assert overlap(cover, cover) == 1
    assert overlap(cover, cover.roll(1, 2)) == pytest.approx(1 / 3)
    assert math.isnan(overlap(0 * cover, 0 * cover))
