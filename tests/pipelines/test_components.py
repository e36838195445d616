import dataclasses

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile
from openreels.models.video_vae import presets
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.components import (
    Capabilities,
    Components,
    check_capable,
    compute_dtype,
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


TAG = TaggedFile(tag="@a", path="a")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"resolution": "1080p"}, "makes 64p, got resolution '1080p', which needs a refiner"),
        ({"references": (Reference(tag="@a", images=("a",)),)}, "references"),
        ({"grid": TAG}, "storyboard"),
        ({"keyframes": (Keyframe(image="a"),)}, "keyframes without a time"),
        ({"voices": (TAG,)}, "voice samples"),
        ({"audio_refs": (TAG,)}, "sound references"),
        ({"ref_video": TAG}, "reference clips"),
        ({"edit": "a"}, "edits by instruction"),
    ],
)
def test_what_the_model_was_not_trained_for_is_refused(fields, words):
    request = GenerationRequest(prompt="@a", **fields)
    with pytest.raises(ValueError, match=words) as error:
        check_capable(request, Capabilities())
    assert "\n" not in str(error.value)
    able = Capabilities(
        resolutions=("64p", "1080p"), references=True, sounds=True, reference_video=True
    )
    check_capable(request, able)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"keyframes": (Keyframe(image="a", time_s=1.0),)},
        {"edit": "a", "edit_region": "m"},
        {"edit": "a", "aspect_ratio": "16:9"},
        {"extend": "a"},
    ],
)
def test_what_it_was_trained_for_passes(fields):
    check_capable(GenerationRequest(prompt="a", **fields), Capabilities())
