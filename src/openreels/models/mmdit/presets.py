"""Sizes of MMDiT that are used; each says where its numbers come from."""

from dataclasses import replace

from openreels.core.shapes import AUDIO_TOKENS_PER_S
from openreels.models.mmdit.config import MMDiTConfig


def stage() -> MMDiTConfig:
    """Size the shipped model; ours.

    A token for every latent cell of 16 channels, 32 audio channels. With patches of two by two, as
    large models have them, a 64 px picture is 16 tokens and outlines stay soft: one cell a token
    reached a lower loss on pictures in the same time. The fastest time pair turns one radian an
    audio token (1/43 s), the slowest once in more than a minute. Three convolutions see what is
    near a token first: the blocks alone learnt in hours no better than that where things touch.
    """
    return MMDiTConfig(
        width=192,
        num_heads=3,
        num_dual=1,
        num_single=5,
        mlp_width=576,
        video_in=33,
        video_out=16,
        audio_channels=32,
        context_width=192,
        rope_widths=(24, 20, 20),
        time_scale=float(AUDIO_TOKENS_PER_S),
        time_theta=1000.0,
        space_theta=30.0,
        modulation="table",
        skip=True,
        near_width=96,
        truth_block=4,
        audio_truth_block=6,
        video_truths=21,
        audio_truths=4,
    )


def refiner() -> MMDiTConfig:
    """Size the shipped refiner; ours: the video branch of the width of ``stage``, six blocks.

    Three seconds of 256x256 at 32 fps are 25 latents of 32x32, 6400 tokens by two-by-two patches:
    with four fifths of the cubes left out an evaluation is about 60 billion operations. Noise
    becomes what the stretched latents lack, whose standard deviation over the Stage world is
    about a quarter.
    """
    return replace(
        stage(),
        num_single=5,
        video_in=4 * 33,
        video_out=4 * 16,
        audio_channels=0,
        truth_block=0,
        audio_truth_block=None,
        video_truths=0,
        audio_truths=0,
        sparsity=0.8,
        coarse_gate=True,
        residual=0.25,
    )


def tiny() -> MMDiTConfig:
    """Size the tests: one dual and one single block of width 32; ours."""
    return replace(
        stage(),
        width=32,
        num_heads=2,
        num_dual=1,
        num_single=1,
        mlp_width=64,
        video_in=9,
        video_out=4,
        audio_channels=4,
        context_width=12,
        rope_widths=(8, 4, 4),
        skip=False,
        near_width=0,
        truth_block=0,
        audio_truth_block=None,
        video_truths=0,
        audio_truths=0,
    )


def large_5b() -> MMDiTConfig:
    """Size two towers like those of Ovi, the closest public relative of the paper's model.

    Width, depth, heads and FFN are those of the Ovi towers. Not given by the paper: M and N; one
    block in three is dual, as 19 of 57 in FLUX.1. Text streams and the reading between branches
    bring the twins to 15.0 billion parameters. Patches are 2x2 of 16 latent channels, audio has
    40, the prompt 4096; time counts video latents (4 a second, the paper's rate).
    """
    return MMDiTConfig(
        width=3072,
        num_heads=24,
        num_dual=10,
        num_single=20,
        mlp_width=14336,
        video_in=4 * 33,
        video_out=4 * 16,
        audio_channels=40,
        context_width=4096,
        rope_widths=(44, 42, 42),
        time_scale=4.0,
        time_theta=10_000.0,
        space_theta=10_000.0,
        modulation="table",
    )


def large_14b() -> MMDiTConfig:
    """Size two towers like Wan 14B, on which the makers' earlier models were built.

    Width, depth, heads and FFN are those of Wan 2.1 14B. Not given by the paper: M and N, here in
    the ratio of ``large_5b``; 44.1 billion parameters in both branches.
    """
    return replace(
        large_5b(),
        width=5120,
        num_heads=40,
        num_dual=13,
        num_single=27,
        mlp_width=13824,
    )


PRESETS = {"tiny": tiny, "stage": stage, "5b": large_5b, "14b": large_14b}
"""Presets by the name that users type."""
