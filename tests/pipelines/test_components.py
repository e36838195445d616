import dataclasses

import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import Material
from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest, Reference
from openreels.models.mmdit.model import MMDiT
from openreels.models.video_vae import presets
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.components import (
    Capabilities,
    Components,
    check_capable,
    compute_dtype,
    untrained,
)
from openreels.weights.checkpoint import save_network


def test_the_patch_follows_from_the_channels(components):
    assert components.patch == 2
    assert components.device == torch.device("cpu")


def test_networks_that_do_not_fit_are_refused(components):
    other = VideoVAE(dataclasses.replace(presets.tiny(), latent_channels=8))
    with pytest.raises(ValueError, match="got 16 and 8"):
        dataclasses.replace(components, video_vae=other)


def test_a_folder_of_weights_comes_back(components, tmp_path):
    for name in ("mmdit", "video_vae", "audio_vae", "text_encoder"):
        save_network(tmp_path / f"{name}.safetensors", getattr(components, name))
    loaded = Components.load(tmp_path)
    assert loaded.name == str(tmp_path)
    for name, value in components.mmdit.state_dict().items():
        assert torch.equal(loaded.mmdit.state_dict()[name], value)
    assert not loaded.mmdit.training


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="a model is 'stage' or a folder"):
        Components.load("nothing-here")
    with pytest.raises(CheckpointError, match=r"no weights file at .*\.safetensors"):
        Components.load(tmp_path)


def test_a_cpu_computes_in_fp32():
    assert compute_dtype("cpu") == torch.float32


def test_a_size_that_the_model_does_not_make_is_refused():
    request = GenerationRequest(prompt="a", resolution="1080p")
    with pytest.raises(ValueError, match="makes 64p, got resolution '1080p', which needs a ref"):
        check_capable(request, Capabilities())
    check_capable(request, Capabilities(resolutions=("64p", "1080p")))
    check_capable(GenerationRequest(prompt="a", edit="a"), Capabilities())


def test_weights_without_names_tell_that_they_may_not_follow_references(components):
    def conditions(**fields):
        request = GenerationRequest(duration_s=1.0, **({"prompt": "a"} | fields))
        picture = torch.zeros(16, 16, 3, dtype=torch.uint8)
        material = Material(references=((picture,),) if fields else ())
        with torch.no_grad():
            return build(request, components, material)

    plain = conditions()
    shown = conditions(prompt="@a", references=(Reference(tag="@a", images=("a",)),))
    assert untrained(plain, components.mmdit) == ()
    (note,) = untrained(shown, components.mmdit)
    assert "trained without references" in note
    named = MMDiT(dataclasses.replace(components.mmdit.config, num_tags=3))
    assert untrained(shown, named) == ()
    assert untrained(shown, named, ("references",)) == ()
    (other,) = untrained(shown, named, ("edit",))
    assert "not trained for the task references" in other
