import torch

from openreels.conditioning.conditions import Surroundings


def test_frames_around_the_window_are_counted():
    frames = torch.zeros(5, 4, 4, 3, dtype=torch.uint8)
    assert (Surroundings().num_before, Surroundings().num_after) == (0, 0)
    around = Surroundings(before=frames, after=frames[:2])
    assert (around.num_before, around.num_after) == (5, 2)
