from dataclasses import replace

import pytest

from openreels.models.mmdit.presets import tiny


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"num_heads": 5}, "multiple of num_heads"),
        ({"rope_widths": (8, 4, 2)}, "sum to the head width 16"),
        ({"rope_widths": (10, 3, 3)}, "must be even"),
        ({"num_dual": 0, "num_single": 0}, "make a block together"),
        ({"num_tags": -1}, "num_tags must be at least 0"),
        ({"audio_time_factor": 0.0}, "audio_time_factor must be positive"),
        ({"time_scale": 0.0}, "time_scale must be positive"),
        ({"space_theta": 0.5}, "thetas at least 1"),
    ],
)
def test_impossible_sizes_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        replace(tiny(), **change)


def test_what_follows():
    assert tiny().depth == 2
    assert tiny().head_width == 16
