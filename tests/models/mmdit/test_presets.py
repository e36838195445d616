from fractions import Fraction

import pytest
import torch

from openreels.core.shapes import AUDIO_TOKENS_PER_S, ClipShape, latent_time_s, token_time_s
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import PRESETS, large_5b, refiner, stage


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("tiny", 140_168),
        ("stage", 11_196_734),
        ("5b", 15_029_111_912),
        ("14b", 44_051_151_464),
    ],
)
def test_parameter_counts(name, count):
    with torch.device("meta"):
        network = MMDiT(PRESETS[name]())
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_clock_of_the_large_presets_counts_video_latents_as_in_the_paper():
    clip = ClipShape(num_frames=81, height=480, width=832)
    assert (clip.num_latent_frames, clip.num_audio_tokens) == (21, 218)
    units = Fraction(large_5b().time_scale)
    assert [units * latent_time_s(index) for index in range(21)] == list(range(21))
    # The paper scales audio by 21/218; in real time 218 tokens are 20.25 latents, 81 / 4.
    assert abs(float(units * token_time_s(218)) - 81 / 4) < 1e-2
    assert abs(21 / 218 - float(units / AUDIO_TOKENS_PER_S)) * 218 < 0.76


def test_clock_of_stage_counts_audio_tokens():
    assert stage().time_scale * float(token_time_s(43)) == pytest.approx(43)


@pytest.mark.parametrize(("name", "patch"), [("tiny", 1), ("stage", 1), ("5b", 2), ("14b", 2)])
def test_patches_follow_from_the_channels(name, patch):
    assert PRESETS[name]().patch == patch


def test_the_refiner_is_a_video_branch_of_the_width_of_the_base():
    with torch.device("meta"):
        network, base = MMDiT(refiner()), MMDiT(stage())
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_628_960
    assert network.audio is None
    shapes = {name: value.shape for name, value in base.state_dict().items()}
    # Ends follow the patch, the table of modulations the depth.
    other = ("video.token_in", "video.head.out", "video.modulation.table", "video.near.first")
    for name, value in network.state_dict().items():
        if name in shapes and not name.startswith(other):
            assert value.shape == shapes[name], name
