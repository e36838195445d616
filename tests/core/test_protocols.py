import dataclasses

import pytest
import torch

from openreels.core.protocols import (
    AudioCodec,
    Conditioner,
    Enhanced,
    Enhancer,
    TextPart,
    VideoCodec,
)
from openreels.models.audio_vae import presets as audio_presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE


def test_the_video_autoencoder_keeps_the_promise_of_its_room():
    codec: VideoCodec = VideoVAE(video_presets.tiny()).eval()
    assert isinstance(codec, VideoCodec)
    with torch.no_grad():
        latents = codec.encode(torch.zeros(1, 3, 9, 16, 24))
        assert latents.shape == (1, 16, 3, 2, 3)
        assert codec.decode(latents).shape == (1, 3, 9, 16, 24)


def test_the_audio_autoencoder_keeps_the_promise_of_its_room():
    codec: AudioCodec = AudioVAE(audio_presets.tiny()).eval()
    assert isinstance(codec, AudioCodec)
    with torch.no_grad():
        latents = codec.encode(torch.zeros(2, 2, 3 * 1024))
        assert latents.shape[0] == 2
        assert latents.shape[2] == 3
        assert codec.decode(latents).shape == (2, 2, 3 * 1024)


def test_the_prompt_encoder_keeps_the_promise_of_its_room():
    encoder: Conditioner = PromptEncoder(text_presets.tiny()).eval()
    assert isinstance(encoder, Conditioner)
    with torch.no_grad():
        context, mask = encoder.encode([
            [TextPart("a red ball")],
            [TextPart("a red ball"), TextPart("bounces by night")],
        ])
    assert context.shape[:2] == mask.shape
    assert mask.sum(1)[0] < mask.sum(1)[1]
    assert mask[1].all()


@pytest.mark.parametrize("protocol", [VideoCodec, AudioCodec, Conditioner, Enhancer])
def test_what_lacks_a_method_is_refused(protocol):
    class Silent:
        pass

    class Half:
        def decode(self, latents):
            return latents

    assert not isinstance(Silent(), protocol)
    assert not isinstance(Half(), protocol)


def test_a_prompt_that_was_left_alone_needs_no_note():
    class Still:
        def enhance(self, prompt):
            return Enhanced(prompt)

    assert isinstance(Still(), Enhancer)
    assert Still().enhance("a ball") == Enhanced("a ball", ())


def test_a_part_is_a_frozen_value():
    part = TextPart("a red ball")
    assert part == TextPart("a red ball") != TextPart("a blue ball")
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.text = "a blue ball"
