from dataclasses import replace

import pytest

from openreels.core.joint import Joint
from openreels.training.config import TaskConfig
from openreels.training.distill_config import DistillConfig
from openreels.training.refiner_config import RefinerConfig


def test_the_mark_is_what_the_student_learns():
    config = DistillConfig(num_steps=4, shift=3.0, guidance=(5.0, 2.0))
    assert config.rule.scales == Joint(5.0, 2.0)
    mark = config.mark
    assert (mark.num_steps, mark.shift) == (4, 3.0)
    assert (mark.guidance_scale, mark.audio_guidance_scale) == (5.0, 2.0)
    assert mark.sampling.rule.is_off


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"num_steps": 0}, "num_steps and teacher_steps must be at least 1"),
        ({"teacher_steps": 0}, "num_steps and teacher_steps must be at least 1"),
        ({"stepper": "leap"}, "stepper must be one of euler"),
        ({"visited_share": 1.5}, "visited_share must lie"),
        ({"guidance": (0.5, 1.0)}, "video guidance_scale must be at least 1"),
        ({"shift": 0.0}, "shift positive"),
    ],
)
def test_impossible_settings_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        DistillConfig(**change)


def test_only_a_base_with_prompts_is_distilled(run_config):
    tasks = TaskConfig(text_dropout=0.0)
    whole = replace(run_config, distill=DistillConfig(), tasks=tasks)
    with pytest.raises(ValueError, match="set text_dropout to 0"):
        replace(whole, tasks=TaskConfig(text_dropout=0.1))
    with pytest.raises(ValueError, match="leave the refiner out"):
        replace(whole, refiner=RefinerConfig())
