import pytest
import torch

from openreels.models.video_vae import presets
from openreels.models.video_vae.model import VideoVAE


@pytest.mark.parametrize(
    ("preset", "parameters"), [(presets.stage, 3_947_632), (presets.tiny, 45_896)]
)
def test_presets_have_their_number_of_parameters(preset, parameters):
    with torch.device("meta"):
        vae = VideoVAE(preset())
    assert sum(p.numel() for p in vae.parameters()) == parameters
