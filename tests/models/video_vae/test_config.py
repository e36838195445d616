import pytest

from openreels.models.video_vae.config import VideoVAEConfig


@pytest.mark.parametrize("name", ["latent_channels", "encoder_width", "upper_depth"])
def test_sizes_that_cannot_be_are_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        VideoVAEConfig(**{name: -1})
