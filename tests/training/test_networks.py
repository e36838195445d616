import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.video_vae.model import VideoVAE
from openreels.training.networks import fingerprint, load_frozen
from openreels.weights.checkpoint import save_network


def test_untrained_networks_are_the_same_every_time_and_frozen():
    first, second = (load_frozen("audio_vae", "random:tiny", kind=AudioVAE) for _ in range(2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
        assert not one.requires_grad
    assert not first.training
    assert fingerprint("audio_vae", "random:tiny") == "random:tiny"


def test_files_are_loaded_and_told_apart(tmp_path):
    network = load_frozen("audio_vae", "random:tiny", kind=AudioVAE)
    paths = [tmp_path / f"{name}.safetensors" for name in "ab"]
    for number, path in enumerate(paths):
        save_network(path, network, metadata={"number": number})
    loaded = load_frozen("audio_vae", str(paths[0]), kind=AudioVAE)
    assert torch.equal(next(loaded.parameters()), next(network.parameters()))
    assert fingerprint("audio_vae", str(paths[0])) != fingerprint("audio_vae", str(paths[1]))
    with pytest.raises(CheckpointError, match="VideoVAE"):
        load_frozen("video_vae", str(paths[0]), kind=VideoVAE)


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="no preset 'huge'"):
        load_frozen("video_vae", "random:huge")
