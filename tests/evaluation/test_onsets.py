import pytest
import torch

from openreels.evaluation.metrics import match_times, median
from openreels.evaluation.onsets import detect_onsets, pan_at
from openreels.stage.physics import contacts
from openreels.stage.sound import render_audio
from openreels.stage.world import WorldSettings, sample_scene


def click(at_s: float, left: float, right: float, length: int = 44100) -> torch.Tensor:
    t = torch.arange(length) / 44100 - at_s
    sound = torch.where(t >= 0, torch.exp(-t / 0.05) * torch.sin(2 * torch.pi * 700 * t), 0 * t)
    return torch.stack([left * sound, right * sound])


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.5, 0.9])
def test_an_isolated_onset_is_found_within_three_milliseconds(at_s):
    (onset,) = detect_onsets(click(at_s, 0.5, 0.5))
    assert onset.time_s == pytest.approx(at_s, abs=0.003)
    assert onset.pan == pytest.approx(0, abs=1e-3)


def test_silence_and_short_sounds_have_no_onset():
    assert detect_onsets(torch.zeros(2, 44100)) == []
    assert detect_onsets(torch.zeros(2, 100)) == []


def test_pan_reads_a_constant_power_pan():
    angle = torch.tensor(torch.pi / 4 * 1.4)
    wave = click(0.2, float(angle.cos()), float(angle.sin()))
    assert pan_at(wave, 0.2) == pytest.approx(0.4, abs=0.01)
    assert pan_at(wave, 0.05, 0.02) == 0.0
    assert pan_at(wave, 99.0) == 0.0


def test_true_contacts_are_heard():
    scenes = [sample_scene(11, i, settings=WorldSettings(duration_s=2.0)) for i in range(24)]
    events = [contacts(scene) for scene in scenes]
    waves = render_audio(events, 90_956, [scene.index for scene in scenes])
    matched, heard, there, offsets = 0, 0, 0, []
    for wave, event in zip(waves, events, strict=True):
        times: list[float] = []
        for contact in event:
            if not times or contact.time_s - times[-1] > 0.045:
                times.append(contact.time_s)
        result = match_times(times, [o.time_s for o in detect_onsets(wave)], 0.03)
        matched += len(result.pairs)
        heard += result.num_second
        there += result.num_first
        offsets += [abs(d) for d in result.offsets_s]
    assert matched / there > 0.88
    assert matched / heard > 0.95
    assert median(offsets) < 0.003
