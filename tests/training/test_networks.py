from shutil import copy

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.voiced import WORDS_FILE
from openreels.training.networks import changed_prompts, fingerprint, load_frozen
from openreels.weights.checkpoint import save_network, shipped_path


def test_untrained_networks_are_the_same_every_time_and_frozen():
    first, second = (load_frozen("audio_vae", "random:tiny", kind=AudioVAE) for _ in range(2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
        assert not one.requires_grad
    assert not first.training
    assert fingerprint("audio_vae", "random:tiny") == "random:tiny"


def test_files_are_loaded_and_told_apart(tmp_path):
    network = load_frozen("audio_vae", "random:tiny", kind=AudioVAE)
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    save_network(paths[0], network)
    with torch.no_grad():
        next(network.decoder.parameters()).add_(1)
    save_network(paths[1], network, metadata={"decoder": "trained on"})
    network.std.mul_(2)
    save_network(paths[2], network)
    loaded = load_frozen("audio_vae", str(paths[2]), kind=AudioVAE)
    assert torch.equal(next(loaded.parameters()), next(network.parameters()))
    prints = [fingerprint("audio_vae", str(path)) for path in paths]
    assert prints[0] == prints[1] != prints[2]
    with pytest.raises(CheckpointError, match="VideoVAE"):
        load_frozen("video_vae", str(paths[0]), kind=VideoVAE)


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="no preset 'huge'"):
        load_frozen("video_vae", "random:huge")


def test_changes_of_the_prompt_encoder_are_shipped_or_from_a_file(tmp_path):
    plain = load_frozen("text_encoder", "shipped", kind=PromptEncoder)
    shipped = changed_prompts(plain, WORDS_FILE, "shipped", tmp_path)
    copy(shipped_path(WORDS_FILE.removesuffix(".safetensors")), tmp_path / "words.safetensors")
    named = changed_prompts(plain, WORDS_FILE, "words.safetensors", tmp_path)
    text = "from 0.2 s: @ball says <dialogue>ba-mo</dialogue> in a low voice"
    known, changed, same = (one.encode_text([text])[0] for one in (plain, shipped, named))
    assert torch.equal(changed, same)
    assert not torch.equal(changed, known)
    assert not any(value.requires_grad for value in named.parameters())
    with pytest.raises(CheckpointError):
        changed_prompts(plain, WORDS_FILE, "none.safetensors", tmp_path)
