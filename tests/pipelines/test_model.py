import numpy as np
import pytest

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest
from openreels.pipelines import model as module
from openreels.pipelines.chat_enhancer import ChatEnhancer
from openreels.stage.enhance import StageEnhancer
from openreels.weights.checkpoint import save_network


def test_a_prompt_and_a_request_make_the_same_clip(components):
    model = module.Model(components)
    clip = model.generate("a ball", duration_s=1.0, steps=1, seed=4)
    request = GenerationRequest(prompt="a ball", duration_s=1.0, steps=1)
    result = model.run(request, seed=4)
    assert np.array_equal(clip.frames, result.clip.frames)
    assert result.metadata["seed"] == 4


def test_an_unknown_field_is_named(components):
    with pytest.raises(ValueError, match="got 'lenght'"):
        module.Model(components).generate("a ball", lenght=3)


def test_a_folder_is_loaded(components, tmp_path):
    for name in ("mmdit", "video_vae", "audio_vae", "text_encoder"):
        save_network(tmp_path / f"{name}.safetensors", getattr(components, name))
    fields = {"kind": "audio", "duration_s": 1.0, "steps": 1, "enhance": False}
    clip = module.load(tmp_path, "cpu").generate("a ball", **fields)
    same = module.Model(components).generate("a ball", **fields)
    assert np.array_equal(clip.waveform, same.waveform)
    assert module.load(tmp_path, "cpu").components.enhancer == StageEnhancer()
    other = ChatEnhancer(base_url="http://localhost:1/v1", model="m")
    assert module.load(tmp_path, "cpu", enhancer=other).components.enhancer is other
    with pytest.raises(CheckpointError):
        module.load("no-such-model", "cpu")
