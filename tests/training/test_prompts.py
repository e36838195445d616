from dataclasses import replace

import pytest

from openreels.core.prompt import encoder_text
from openreels.core.seeding import generator
from openreels.stage.captions import caption
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.config import TaskConfig
from openreels.training.dataset import ShardDataset
from openreels.training.prompts import draw_prompts


@pytest.fixture(scope="module")
def data(data_root):
    return ShardDataset(data_root / "bucket")


def test_text_dropout_of_zero_and_one(data):
    scenes = data.read(range(7)).scenes
    none = TaskConfig(text_dropout=0.0)
    assert all(draw_prompts(scenes, none, generator(0, "p")))
    everything = TaskConfig(text_dropout=1.0)
    assert draw_prompts(scenes, everything, generator(0, "p")) == ("",) * 7
    half = [draw_prompts(scenes, TaskConfig(text_dropout=0.5), generator(s)) for s in range(100)]
    assert sum(not text for texts in half for text in texts) == pytest.approx(350, abs=60)


def test_prompts_are_paraphrases_of_both_tiers(data):
    scenes = data.read([0] * 40).scenes
    long, short = (
        draw_prompts(scenes, TaskConfig(text_dropout=0.0, short_share=share), generator(0, "p"))
        for share in (0.0, 1.0)
    )
    assert len(set(long)) > 30
    assert sum(map(len, short)) < 0.7 * sum(map(len, long))


def test_scenes_with_looks_have_no_short_caption_that_would_not_name_them():
    config = TaskConfig(text_dropout=0.0, short_share=1.0)
    plain = sample_scene(5, 1)
    styled = [replace(plain, style="mosaic") for _ in range(40)]
    told = draw_prompts(styled, config, generator(0, "p"))
    bare = draw_prompts([plain] * 40, config, generator(0, "p"))
    assert sum(map(len, bare)) < 0.7 * sum(map(len, told))
    longs = draw_prompts(styled, replace(config, short_share=0.0), generator(0, "p"))
    assert told == longs


def test_structured_captions_reach_the_encoder_as_those_of_a_request_do():
    settings = WorldSettings(cut_share=1.0)
    scenes = [sample_scene(5, index, settings=settings) for index in range(20)]
    config = TaskConfig(text_dropout=0.0, short_share=0.0, structured_share=1.0, num_variants=1)
    told = draw_prompts(scenes, config, generator(0, "p"))
    assert told == tuple(encoder_text(caption(s, 0, tier="structured")) for s in scenes)
    assert not any("<" in text for text in told)
    assert any(" s: " in text for text in told)  # when the second shot begins
    longs = draw_prompts(scenes, replace(config, structured_share=0.0), generator(0, "p"))
    assert not any(" s: " in text for text in longs)


def test_tiers_have_their_shares(data):
    scenes = data.read([0] * 400).scenes
    config = TaskConfig(text_dropout=0.0, short_share=0.2, structured_share=0.3, num_variants=1)
    told = draw_prompts(scenes, config, generator(0, "p"))
    shares = {
        tier: told.count(encoder_text(caption(scenes[0], 0, tier=tier))) / 400
        for tier in ("short", "long", "structured")
    }
    assert shares["short"] == pytest.approx(0.2, abs=0.06)
    assert shares["structured"] == pytest.approx(0.3, abs=0.06)
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_of_tiers_must_leave_room_for_each_other():
    with pytest.raises(ValueError, match="short_share and structured_share"):
        TaskConfig(short_share=0.7, structured_share=0.4)
