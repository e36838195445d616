from dataclasses import replace

import torch

from openreels.conditioning.conditions import Conditions, Surroundings
from openreels.conditioning.references import References
from openreels.conditioning.tasks import TASKS
from openreels.core.joint import Joint
from openreels.core.shapes import ClipShape


def test_frames_around_the_window_are_counted():
    frames = torch.zeros(5, 4, 4, 3, dtype=torch.uint8)
    assert (Surroundings().num_before, Surroundings().num_after) == (0, 0)
    around = Surroundings(before=frames, after=frames[:2])
    assert (around.num_before, around.num_after) == (5, 2)


def test_what_stands_before_the_clip_in_either_branch_is_in_context():
    shape = ClipShape(num_frames=1, height=16, width=16, fps=16)
    made = Conditions(
        task=TASKS["t2i"],
        shape=shape,
        sound=False,
        context=torch.zeros(2, 1, 4),
        context_mask=torch.ones(2, 1, dtype=torch.bool),
        context_tags=torch.zeros(2, 1, dtype=torch.long),
        given=None,
        around=Surroundings(),
    )
    tags = torch.ones(1, 1, dtype=torch.long)
    seen = References(
        latents=torch.zeros(1, 4, 1, 1, 1), present=torch.ones(1, 1, 1, 1) > 0, tags=tags
    )
    heard = References(latents=torch.zeros(1, 4, 1), present=torch.ones(1, 1) > 0, tags=tags)
    assert not made.in_context
    assert replace(made, references=Joint(seen, None)).in_context
    assert replace(made, references=Joint(None, heard)).in_context
