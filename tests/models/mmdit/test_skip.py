from dataclasses import replace

import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.presets import tiny
from openreels.models.mmdit.skip import with_skip


def test_skip_is_the_best_linear_guess_and_leaves_unit_variance_to_predict():
    source = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 20_000, 4, generator=source)
    sigma = torch.tensor([0.0, 0.3, 0.8, 1.0])
    level = sigma[:, None, None]
    noisy, velocity = (1 - level) * clean + level * noise, noise - clean
    positions = torch.zeros(4, 20_000, 1)
    inputs = Joint(None, BranchInput(tokens=noisy, positions=positions))
    nothing = Joint(None, torch.zeros_like(noisy))
    guess = with_skip(nothing, inputs, Joint(sigma, sigma), tiny()).audio
    slope = (noisy * velocity).sum((1, 2)) / noisy.square().sum((1, 2))
    torch.testing.assert_close(guess, slope[:, None, None] * noisy, atol=0.08, rtol=0)
    norm = (level**2 + (1 - level) ** 2).sqrt()
    left = ((velocity - guess) * norm).square().mean((1, 2))
    torch.testing.assert_close(left, torch.ones(4), atol=0.03, rtol=0)


def test_each_branch_has_its_own_level_and_an_absent_one_stays_absent():
    config = replace(tiny(), video_in=4 * 9, video_out=4 * 4)
    video = BranchInput(tokens=torch.randn(1, 3, 36), positions=torch.zeros(1, 3, 3))
    audio = BranchInput(tokens=torch.randn(1, 5, 4), positions=torch.zeros(1, 5, 1))
    zeros = Joint(torch.zeros(1, 3, 16), torch.zeros(1, 5, 4))
    levels = Joint(torch.tensor([0.0]), torch.tensor([1.0]))
    made = with_skip(zeros, Joint(video, audio), levels, config)
    noisy = video.tokens.unflatten(-1, (4, 9))[..., :4].flatten(2)
    torch.testing.assert_close(made.video, -noisy)
    torch.testing.assert_close(made.audio, audio.tokens)
    alone = with_skip(Joint(zeros.video, None), Joint(video, None), levels, config)
    assert alone.audio is None
    assert torch.equal(alone.video, made.video)
