"""One thread, fixed seeds and no network for the whole suite; networks of the smallest size."""

import copy
import dataclasses
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

settings.register_profile("openreels", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("openreels")


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def write_random_changes():
    """Writes low-rank changes of a network, which gets them, with random numbers in all they hold.

    Imported here, as for ``tiny_networks``.
    """
    from openreels.nn.low_rank import add_low_rank, low_rank_factors
    from openreels.weights.lora import save_lora

    def write(path, network, config) -> None:
        add_low_rank(network, config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter) * parameter.requires_grad)
        save_lora(path, network, low_rank_factors(network.state_dict(), config.whole), config)

    return write


@pytest.fixture(scope="session")
def write_words(write_random_changes):
    """The same of a copy of a prompt encoder, in its blocks."""
    from openreels.nn.low_rank import LowRankConfig

    def write(path, prompts) -> None:
        config = LowRankConfig(rank=2, alpha=2.0, layers=("blocks.",))
        write_random_changes(path, copy.deepcopy(prompts), config)

    return write


@pytest.fixture(scope="session")
def tiny_networks():
    """Makes the networks of a whole model at the smallest size, with random weights.

    Imported here, so that the tests of a room below load no network.
    """
    from openreels.models.audio_vae import presets as audio_presets
    from openreels.models.audio_vae.model import AudioVAE
    from openreels.models.mmdit import presets as mmdit_presets
    from openreels.models.mmdit.model import MMDiT
    from openreels.models.text_encoder import presets as text_presets
    from openreels.models.text_encoder.model import PromptEncoder
    from openreels.models.video_vae import presets as video_presets
    from openreels.models.video_vae.model import VideoVAE

    def make() -> dict[str, torch.nn.Module]:
        torch.manual_seed(0)
        video, audio, text = video_presets.tiny(), audio_presets.tiny(), text_presets.tiny()
        config = dataclasses.replace(
            mmdit_presets.tiny(),
            video_in=4 * (2 * video.latent_channels + 1),
            video_out=4 * video.latent_channels,
            audio_channels=audio.channels,
            context_width=text.width,
        )
        return {
            "mmdit": MMDiT(config),
            "video_vae": VideoVAE(video),
            "audio_vae": AudioVAE(audio),
            "text_encoder": PromptEncoder(text),
        }

    return make


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, tiny_networks):
    """Folder of a whole model at the smallest size, random weights."""
    from openreels.weights.checkpoint import save_network

    folder = tmp_path_factory.mktemp("model")
    for name, network in tiny_networks().items():
        save_network(folder / f"{name}.safetensors", network, metadata={"recipe": "none"})
    return folder
