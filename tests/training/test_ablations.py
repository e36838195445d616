from dataclasses import fields

import pytest

from openreels.core.shapes import ClipShape
from openreels.models.mmdit.model import MMDiT
from openreels.training.ablations import UNSCALED, VARIANTS, ablation


def test_every_variant_differs_from_the_paper_in_one_thing():
    paper = VARIANTS["hybrid"]
    for name, config in VARIANTS.items():
        changed = {
            f.name for f in fields(config) if getattr(config, f.name) != getattr(paper, f.name)
        }
        changed -= {"num_single"} if "num_dual" in changed else set()
        assert len(changed) == (0 if name == "hybrid" else 1), (name, changed)
        assert config.depth == paper.depth
        MMDiT(config)


def test_runs_differ_in_nothing_but_the_network():
    one, other = ablation("hybrid", seed=3), ablation("old_audio", seed=3)
    assert (one.data, one.tasks, one.optim, one.seed) == (
        other.data, other.tasks, other.optim, other.seed,
    )  # fmt: skip
    assert one.name != other.name != ablation("old_audio", seed=4).name
    with pytest.raises(ValueError, match="an ablation must be one of hybrid"):
        ablation("none")


def test_the_unscaled_clock_counts_tokens_where_latents_are_counted():
    shape = ClipShape(num_frames=81, height=64, width=64)
    assert pytest.approx(shape.num_audio_tokens / 20.25, rel=1e-3) == UNSCALED
