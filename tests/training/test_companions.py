from dataclasses import replace

import pytest
import torch

from openreels.models.audio_vae import presets as audio_presets
from openreels.models.text_encoder import presets as text_presets
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE
from openreels.training.audio_vae import AudioVAERecipe
from openreels.training.audio_vae_data import SoundMix
from openreels.training.companions import (
    AudioVAEPart,
    TextEncoderPart,
    VideoVAEPart,
    train_companion,
    weights_of,
)
from openreels.training.text_encoder import TextRecipe
from openreels.training.video_vae import VideoVAERecipe
from openreels.training.watch import unwatched
from openreels.weights.checkpoint import load_network, read_network_header, save_network

VIDEO = VideoVAEPart(
    network=video_presets.tiny(),
    joint=VideoVAERecipe(num_steps=2, warmup_steps=1),
    decoder=VideoVAERecipe(num_steps=2, warmup_steps=1, freeze_encoder=True, seed=1),
    start_clips=4,
)
AUDIO = AudioVAEPart(
    recipe=AudioVAERecipe(
        network=audio_presets.tiny(), mix=SoundMix(tokens=6, clips=3), fit_batches=1, steps=2
    ),
    measured_clips=2,
)
TEXT = TextEncoderPart(
    recipe=TextRecipe(encoder=text_presets.tiny(), num_steps=3, num_scenes=4, warmup_steps=1)
)


def run(part, out, watch=unwatched, *, time_limit_s=None, resume=True):
    return train_companion(part, out, time_limit_s=time_limit_s, resume=resume, watch=watch)


@pytest.mark.parametrize("part", [AUDIO, TEXT], ids=lambda part: part.name)
def test_a_part_stops_goes_on_and_exports_what_loads(tmp_path, part):
    assert not run(part, tmp_path, lambda done, total, values: done == 1)
    path = weights_of(part, tmp_path)
    assert read_network_header(path).metadata["steps"] == 1
    assert run(part, tmp_path)
    header = read_network_header(path)
    assert (header.network, header.metadata["steps"]) == (part.name, total_of(part))
    parts, whole = load_network(path).state_dict(), tmp_path / "whole"
    assert run(part, whole)
    for name, value in load_network(weights_of(part, whole)).state_dict().items():
        assert torch.equal(value, parts[name]), name


def total_of(part):
    return part.recipe.steps if isinstance(part, AudioVAEPart) else part.recipe.num_steps


def test_the_video_encoder_is_final_after_its_phase(tmp_path):
    seen = []

    def until_third(done, total, values):
        seen.append((done, total))
        return done == 3

    path = weights_of(VIDEO, tmp_path)
    assert not run(VIDEO, tmp_path, lambda done, total, values: True)
    assert not path.exists()  # the encoder is not final yet
    assert not run(VIDEO, tmp_path, until_third)
    assert seen == [(2, 4), (3, 4)]
    between = load_network(path, kind=VideoVAE).state_dict()
    assert run(VIDEO, tmp_path)
    after = load_network(path, kind=VideoVAE).state_dict()
    changed = {name for name in after if not torch.equal(after[name], between[name])}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    story = read_network_header(path).metadata
    assert (story["joint_steps"], story["decoder_steps"]) == (2, 2)


def test_a_decoder_alone_goes_on_under_latents_that_stay(tmp_path):
    start = tmp_path / "start.safetensors"
    given = VideoVAE(video_presets.tiny())
    given.latent_mean.fill_(0.25)
    save_network(start, given, dtype=torch.float16)
    before = load_network(start, kind=VideoVAE)
    part = replace(VIDEO, joint=None, start=str(start))
    assert not run(part, tmp_path, lambda done, total, values: (done, total) == (1, 2))
    assert run(part, tmp_path)
    after = load_network(weights_of(part, tmp_path), kind=VideoVAE)
    names = [name for name, value in after.state_dict().items()
             if not torch.equal(value, before.state_dict()[name])]  # fmt: skip
    assert names
    assert all(name.startswith("decoder.") for name in names)
    clip = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    assert torch.equal(after.encode(clip), before.encode(clip))
    story = read_network_header(weights_of(part, tmp_path)).metadata
    assert (story["joint_steps"], story["decoder_steps"]) == (0, 2)


def test_a_time_limit_is_shared_by_both_phases(tmp_path):
    part = replace(
        VIDEO,
        joint=replace(VIDEO.joint, num_steps=10_000),
        decoder=replace(VIDEO.decoder, num_steps=10_000),
    )
    assert run(part, tmp_path, time_limit_s=1e-3)
    story = read_network_header(weights_of(part, tmp_path)).metadata
    assert (story["joint_steps"], story["decoder_steps"]) == (1, 1)


def test_to_start_anew_forgets_the_state(tmp_path):
    assert run(TEXT, tmp_path)
    seen = []
    assert run(TEXT, tmp_path, lambda done, total, values: bool(seen.append(done)), resume=False)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        {"joint": VIDEO.decoder},
        {"decoder": VIDEO.joint},
        {"joint_share": 1.0},
        {"joint": None},
    ],
)
def test_phases_that_make_no_sense_are_refused(change):
    with pytest.raises(ValueError, match="must"):
        replace(VIDEO, **change)


def test_the_video_part_can_start_from_weights(tmp_path):
    start = tmp_path / "start.safetensors"
    given = VideoVAE(video_presets.tiny())
    save_network(start, given)
    still = replace(VIDEO.joint, learning_rate=0.0)
    part = replace(VIDEO, joint=still, decoder=replace(VIDEO.decoder, learning_rate=0.0))
    part = replace(part, start=str(start))
    assert run(part, tmp_path / "out")
    trained = load_network(weights_of(part, tmp_path / "out"), kind=VideoVAE)
    for name, value in given.encoder.state_dict().items():
        torch.testing.assert_close(trained.encoder.state_dict()[name], value.half().float())
