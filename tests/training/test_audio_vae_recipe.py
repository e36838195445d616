import json
import math
from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.seeding import derive_seed
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.models.audio_vae import presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.stage.heard import render_sound
from openreels.stage.sample import truth_of
from openreels.stage.world import sample_scene
from openreels.training.audio_vae import (
    LOG_NAME,
    STATE_NAME,
    AudioVAERecipe,
    calibrate,
    export_audio_vae,
    fit_encoder,
    measure,
    train_audio_vae,
)
from openreels.training.audio_vae_data import (
    ALL_SOUNDS,
    SoundMix,
    other_sounds,
    scene_sounds,
    sound_batch,
)
from openreels.training.audio_vae_losses import (
    log_mel_distance_db,
    onset_s,
    si_sdr_db,
    spectral_loss,
    spectrogram,
)
from openreels.weights.checkpoint import load_network
from openreels.weights.tensors import read_header, read_tensors, write_tensors

RECIPE = AudioVAERecipe(
    network=presets.tiny(),
    mix=SoundMix(tokens=6, clips=3, impacts=0.67),
    fit_batches=1,
    steps=4,
    warmup=1,
    decay=0.0,
    log_every=1,
    save_every=1_000,
)


def read_log(folder):
    return [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]


def sine(hz, level=0.5, samples=16_384):
    time = torch.arange(samples) / SAMPLE_RATE_HZ
    return level * torch.sin(2 * math.pi * hz * time).expand(1, 2, -1)


def test_batches_are_bounded_deterministic_and_of_the_asked_mix():
    mix = SoundMix(tokens=4, clips=10, impacts=0.7)
    batch = sound_batch(mix, 1, 5)
    assert batch.shape == (10, 2, 4096)
    assert batch.abs().max() <= 1
    assert torch.isfinite(batch).all()
    assert torch.equal(batch, sound_batch(mix, 1, 5))
    assert not torch.equal(batch, sound_batch(mix, 1, 6))
    assert not torch.equal(batch, sound_batch(mix, 2, 5))


def test_scenes_join_the_batch_and_leave_the_other_clips_as_they_were():
    plain = sound_batch(SoundMix(tokens=4, clips=5, impacts=0.6), 1, 5)
    mix = SoundMix(tokens=4, clips=10, impacts=0.3, scenes=0.5)
    batch = sound_batch(mix, 1, 5)
    assert torch.equal(batch[:5], plain)
    assert torch.equal(batch[5:], scene_sounds(ALL_SOUNDS, 5, 4096, 1, 5))
    assert torch.equal(batch, sound_batch(mix, 1, 5))
    assert not torch.equal(batch[5:], sound_batch(mix, 1, 6)[5:])
    with pytest.raises(ValueError, match=r"together at most 1, got 0\.7 and 0\.4"):
        SoundMix(scenes=0.4)


def test_a_clip_of_a_scene_is_a_cut_of_all_that_sounds_in_it():
    (cut,) = scene_sounds(ALL_SOUNDS, 1, 8192, 7, 3)
    scene = sample_scene(derive_seed(7, "scenes") % 2**31, 3, settings=ALL_SOUNDS)
    whole = render_sound([truth_of(scene)], 2 * SAMPLE_RATE_HZ, [3])[0]
    begins = whole[0, :-8191] == cut[0, 0]
    starts = begins.nonzero()[:, 0].tolist()
    assert any(torch.equal(whole[:, start : start + 8192], cut) for start in starts)
    assert scene.lines or scene.music or scene.ambience
    with pytest.raises(ValueError, match="cut out of a scene of 2 s"):
        scene_sounds(ALL_SOUNDS, 1, 100_000, 0, 0)


def test_other_sounds_are_many_kinds():
    draw = torch.Generator().manual_seed(0)
    waves = other_sounds(40, 16_384, draw)
    assert torch.isfinite(waves).all()
    assert waves.abs().max() <= 0.9 + 1e-6
    power = torch.fft.rfft(waves.sum(1)).abs().square()
    power = power[power.sum(1) > 1]
    flatness = (power + 1e-9).log().mean(1).exp() / power.mean(1)
    assert flatness.max() > 50 * flatness.min()
    pan = torch.atan2(*waves.square().sum(2).sqrt().unbind(1))
    assert pan.max() - pan.min() > 1


def test_a_sine_of_amplitude_one_peaks_at_one():
    hz = SAMPLE_RATE_HZ / 1024 * 100
    levels = spectrogram(sine(hz, 1.0), 1024, 256)
    assert levels.shape == (2, 65, 513)
    assert float(levels[0, 20].max()) == pytest.approx(1, abs=0.01)
    assert int(levels[0, 20].argmax()) == 100


def test_the_loss_vanishes_only_for_the_same_sound_and_ignores_phase():
    a, b = sine(440), sine(700)
    assert float(spectral_loss(a, a)) == 0
    assert float(spectral_loss(-a, a)) == 0
    assert float(spectral_loss(b, a)) > 0.1


def test_distances_in_decibels_have_closed_forms():
    noise = 0.1 * torch.randn(2, 2, 16_384)
    assert torch.allclose(log_mel_distance_db(2 * noise, noise), torch.tensor(6.0206), atol=0.01)
    assert not log_mel_distance_db(noise, noise).any()
    assert torch.allclose(
        log_mel_distance_db(torch.zeros(1, 2, 8192), torch.zeros(1, 2, 8192)), torch.zeros(1)
    )
    a, b = sine(441.0, samples=4_410 * 4), sine(882.0, samples=4_410 * 4)
    assert float(si_sdr_db(3 * (a + 0.1 * b), a)[0]) == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("start", [0, 5_000, 30_000])
def test_onsets_are_found_to_two_milliseconds(start):
    wave = torch.zeros(1, 2, 44_100)
    wave[..., start:] = sine(500, samples=44_100)[..., : 44_100 - start]
    assert float(onset_s(wave)[0]) == pytest.approx(start / SAMPLE_RATE_HZ, abs=0.002)


def test_training_resumes_as_if_never_stopped(tmp_path):
    whole = train_audio_vae(RECIPE, tmp_path / "whole")
    train_audio_vae(replace(RECIPE, steps=2), tmp_path / "parts")
    parts = train_audio_vae(RECIPE, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    saved, again = (read_tensors(tmp_path / name / STATE_NAME)[0] for name in ("whole", "parts"))
    assert any("exp_avg_sq" in name for name in saved)
    assert saved.keys() == again.keys()
    assert all(
        torch.equal(value, again[name]) for name, value in saved.items()
    )  # weights, averages and moments
    lines = read_log(tmp_path / "parts")
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(math.isfinite(line["loss"]) for line in lines)


def test_the_frozen_encoder_keeps_every_bit_and_the_decoder_learns(tmp_path):
    before = train_audio_vae(replace(RECIPE, steps=1), tmp_path / "joint")
    frozen = replace(RECIPE, steps=3)
    after = train_audio_vae(frozen, tmp_path / "decoder", start=tmp_path / "joint" / STATE_NAME)
    old, new = before.state_dict(), after.state_dict()
    for name in old:
        same = torch.equal(old[name], new[name])
        if not name.startswith("decoder."):
            assert same, name
    assert not torch.equal(old["decoder.embed.weight"], new["decoder.embed.weight"])


def test_a_spent_time_limit_stops_before_a_step(tmp_path):
    train_audio_vae(RECIPE, tmp_path, time_limit_s=0.0)
    assert read_header(tmp_path / STATE_NAME)["step"] == 0


def test_who_watches_is_told_every_step_and_may_end_it(tmp_path):
    seen = []

    def watch(done, total, values):
        seen.append((done, total, math.isfinite(values["loss"])))
        return done == 2

    train_audio_vae(RECIPE, tmp_path, watch=watch)
    assert seen == [(1, 4, True), (2, 4, True)]
    assert read_header(tmp_path / STATE_NAME)["step"] == 2


def test_what_is_no_state_is_refused(tmp_path):
    write_tensors(tmp_path / STATE_NAME, {"a": torch.zeros(1)}, {"kind": "other"})
    with pytest.raises(CheckpointError, match="no state of an audio autoencoder"):
        train_audio_vae(RECIPE, tmp_path)


def test_learning_lowers_the_loss(tmp_path):
    recipe = replace(RECIPE, steps=40, rate=5e-3, mix=SoundMix(tokens=6, clips=4))
    train_audio_vae(recipe, tmp_path)
    lines = read_log(tmp_path)
    losses = torch.tensor([line["loss"] for line in lines])
    assert losses[-10:].mean() < 0.7 * losses[:5].mean()


def test_the_fitted_encoder_keeps_what_principal_components_can(tmp_path):
    network = AudioVAE(presets.tiny())
    fit_encoder(network, batches=1)
    sounds = sound_batch(SoundMix(tokens=64, clips=32, impacts=0.8), 3_000_017, 0)
    with torch.no_grad():
        heard = network.encoder.hearing(sounds).flatten(0, 1)
        raw = network.encoder(sounds).transpose(1, 2).flatten(0, 1)
    centred = heard - heard.mean(0)
    fit = torch.linalg.lstsq(raw, centred).solution
    left = (centred - raw @ fit).square().sum() / centred.square().sum()
    values = torch.linalg.eigvalsh(centred.double().T @ centred.double())
    assert float(left) == pytest.approx(float(values[:-4].sum() / values.sum()), rel=1e-2)
    assert torch.allclose(raw.mean(0), torch.zeros(4), atol=1e-2)
    again = AudioVAE(presets.tiny())
    fit_encoder(again, batches=1)
    assert torch.equal(again.encoder.project.weight, network.encoder.project.weight)


def test_an_export_is_loaded_as_it_was_measured(tmp_path):
    recipe = replace(RECIPE, network=presets.stage())
    train_audio_vae(recipe, tmp_path, time_limit_s=0.0)
    found = export_audio_vae(tmp_path / STATE_NAME, tmp_path / "audio_vae.safetensors", clips=3)
    network = load_network(tmp_path / "audio_vae.safetensors")
    assert isinstance(network, AudioVAE)
    assert network.config == presets.stage()
    assert measure(network, clips=3) == found


def test_calibration_normalises_stage_sounds():
    network = AudioVAE(presets.tiny())
    calibrate(network, batches=1)
    mix = SoundMix(tokens=89, clips=32, impacts=1.0, most_contacts=8)
    with torch.no_grad():
        latents = network.encode(sound_batch(mix, 1_000_003, 0))
    assert torch.allclose(latents.std((0, 2)), torch.ones(4), atol=1e-2)


def test_a_perfect_codec_measures_as_perfect():
    class Identity(AudioVAE):
        def encode(self, waveform):
            return waveform

        def decode(self, latents):
            return latents

    found = measure(Identity(presets.tiny()), clips=4)
    assert found["log_mel_db"] == found["others_log_mel_db"] == 0
    assert found["onset_ms_max"] == 0
    assert found["si_sdr_db"] > 60
    assert found["silence_dbfs"] == found["before_dbfs"] == -120
