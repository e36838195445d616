from openreels.models.audio_vae.model import AudioVAE
from openreels.models.video_vae.model import VideoVAE
from openreels.training.config import CodecPaths
from openreels.training.encoders import load_encoders


def test_the_autoencoders_of_a_config_are_frozen():
    found = load_encoders(CodecPaths(video_vae="random:tiny", audio_vae="random:tiny"))
    assert isinstance(found.video, VideoVAE)
    assert isinstance(found.audio, AudioVAE)
    for network in (found.video, found.audio):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
