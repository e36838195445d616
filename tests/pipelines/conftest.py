"""Real networks at the smallest size, with random weights that do something."""

from dataclasses import replace

import pytest
import torch

from openreels.models.audio_vae import presets as audio_presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.mmdit import presets as mmdit_presets
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.components import Components


@pytest.fixture(scope="session")
def components() -> Components:
    torch.manual_seed(0)
    video, audio, text = video_presets.tiny(), audio_presets.tiny(), text_presets.tiny()
    config = replace(
        mmdit_presets.tiny(),
        video_in=4 * (2 * video.latent_channels + 1),
        video_out=4 * video.latent_channels,
        audio_channels=audio.channels,
        context_width=text.width,
    )
    mmdit = MMDiT(config)
    with torch.no_grad():
        for parameter in mmdit.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    networks = (mmdit, VideoVAE(video), AudioVAE(audio), PromptEncoder(text))
    mmdit, video_vae, audio_vae, text_encoder = (
        network.eval().requires_grad_(False) for network in networks
    )
    return Components(
        mmdit=mmdit, video_vae=video_vae, audio_vae=audio_vae, text_encoder=text_encoder
    )
