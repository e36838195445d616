from fractions import Fraction

import pytest
import torch

from openreels.conditioning import tokens
from openreels.core.shapes import ClipShape


def _branch(patch=2, shape=(2, 3, 5, 4, 6), fps=16):
    draw = torch.Generator().manual_seed(0)
    noisy = torch.randn(shape, generator=draw)
    clean = torch.randn(shape, generator=draw)
    known = torch.rand(shape[0], *shape[2:], generator=draw) > 0.5
    black = torch.randn(1, *shape[1:], generator=draw)
    given = tokens.given_latents(clean, known, black)
    branch = tokens.video_branch(noisy, given, known, fps=fps, patch=patch)
    return noisy, clean, known, black, given, branch


def test_given_latents_are_clean_where_known_and_black_elsewhere():
    _, clean, known, black, given, _ = _branch()
    spread = known[:, None].expand_as(clean)
    assert torch.equal(given[spread], clean[spread])
    assert torch.equal(given[~spread], black.expand_as(clean)[~spread])


@pytest.mark.parametrize("patch", [1, 2])
def test_the_input_is_the_noisy_the_given_and_the_mask_on_channels(patch):
    noisy, _, known, _, given, branch = _branch(patch)
    assert branch.tokens.shape == (2, 5 * 4 * 6 // patch**2, patch**2 * 7)
    back = tokens.video_latents_from(branch.tokens, grid=(5, 4, 6), patch=patch)
    assert torch.equal(back[:, :3], noisy)
    assert torch.equal(back[:, 3:6], given)
    assert torch.equal(back[:, 6], known.float())


def test_video_positions_are_seconds_and_patch_centres():
    positions = tokens.video_positions((3, 4, 6), fps=16, patch=2).reshape(3, 2, 3, 3)
    assert positions[:, 0, 0, 0].tolist() == [0.0, 0.25, 0.5]
    assert positions[0, :, 0, 1].tolist() == [1.0, 3.0]
    assert positions[0, 0, :, 2].tolist() == [1.0, 3.0, 5.0]
    half = tokens.video_positions((3, 4, 6), fps=32, patch=2).reshape(3, 2, 3, 3)
    assert half[:, 0, 0, 0].tolist() == [0.0, 0.125, 0.25]


@pytest.mark.parametrize("seconds", [1, 5, 15])
def test_both_clocks_end_within_a_token_of_each_other(seconds):
    shape = ClipShape(num_frames=16 * seconds + 1, height=16, width=16)
    video = tokens.video_positions((shape.num_latent_frames, 2, 2), fps=16, patch=2)
    audio = tokens.audio_positions(shape.num_audio_tokens)
    token = 1024 / 44100
    assert video[-1, 0] == seconds
    # The last frame lasts 1/16 s more, and an audio token is placed at its first sample.
    assert abs(float(video[-1, 0]) + 1 / 16 - float(audio[-1, 0]) - token) < token


def test_audio_tokens_are_placed_at_their_first_sample():
    assert tokens.audio_positions(3)[:, 0].tolist() == pytest.approx([
        float(Fraction(1024 * index, 44100)) for index in range(3)
    ])
    assert tokens.audio_positions(2, start=-2)[:, 0].tolist() == pytest.approx([
        -2048 / 44100,
        -1024 / 44100,
    ])


def test_audio_tokens_come_back():
    noisy = torch.randn(2, 8, 7)
    branch = tokens.audio_branch(noisy)
    assert branch.tokens.shape == (2, 7, 8)
    assert branch.positions.shape == (2, 7, 1)
    assert torch.equal(tokens.audio_latents_from(branch.tokens), noisy)
