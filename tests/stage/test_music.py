import itertools

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.music import (
    MOODS,
    MUSIC_TIMBRES,
    TEMPO_BPM,
    Music,
    beats,
    chords,
    render_music,
)

LENGTH = 4 * SAMPLE_RATE_HZ


def music(**changes) -> Music:
    values = {
        "start_s": 0.0,
        "duration_s": 4.0,
        "mood": "happy",
        "timbre": "pluck",
        "key": 2,
        "tempo_bpm": 120.0,
    }
    return Music(**(values | changes))


def render(*items: Music, seed=0, length=LENGTH) -> Tensor:
    return render_music([items], length, [seed])[0]


def chroma(wave: Tensor, start_s: float, end_s: float) -> Tensor:
    """Energy of the twelve pitch classes between 60 and 1000 Hz."""
    piece = wave.sum(0)[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
    power = torch.fft.rfft(piece * torch.hann_window(len(piece)), 2**17).abs().square()
    hz = torch.arange(len(power)) * SAMPLE_RATE_HZ / 2**17
    heard = (hz > 60) & (hz < 1000)
    note = (69 + 12 * (hz[heard] / 440).log2()).round().long() % 12
    return torch.zeros(12).index_add(0, note, power[heard]).sqrt()


def best_triad(energy: Tensor) -> tuple[int, str]:
    """Root and mood of the triad whose tones hold most of the energy."""
    score = {
        (root, mood): float(energy[[root, (root + third) % 12, (root + 7) % 12]].sum())
        for root in range(12)
        for mood, third in (("happy", 4), ("sad", 3))
    }
    return max(score, key=lambda key: score[key])


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("timbre", MUSIC_TIMBRES)
def test_every_chord_sounds_its_tones_and_tells_the_mood(mood, timbre):
    for key, tempo in ((2, TEMPO_BPM[mood][0]), (9, TEMPO_BPM[mood][1])):
        piece = music(mood=mood, timbre=timbre, key=key, tempo_bpm=tempo)
        wave = render(piece)
        for chord in chords(piece):
            if chord.duration_s < 0.7:
                continue
            energy = chroma(wave, chord.start_s, chord.start_s + chord.duration_s)
            assert set(energy.topk(3).indices.tolist()) == set(chord.tones)
            assert best_triad(energy) == (chord.root, mood)


@pytest.mark.parametrize("timbre", MUSIC_TIMBRES)
@pytest.mark.parametrize("tempo", [66.0, 126.0])
def test_tempo_can_be_measured(timbre, tempo):
    wave = render(music(timbre=timbre, tempo_bpm=tempo)).sum(0)
    spectrum = torch.stft(wave, 1024, 256, window=torch.hann_window(1024), return_complex=True)
    rise = (spectrum[:8].abs() + 1e-3).log().diff(dim=1).clamp(min=0).sum(0)
    rise = rise - rise.mean()
    rise = (rise[:-2] + 2 * rise[1:-1] + rise[2:]) / 4
    same = torch.fft.irfft(torch.fft.rfft(rise, 2048).abs().square())
    rate = SAMPLE_RATE_HZ / 256
    first, last = round(0.38 * rate), round(1.1 * rate)
    near = same[first:last]
    peak = (near >= same[first - 1 : last - 1]) & (near >= same[first + 1 : last + 1])
    lag = first + int((peak & (near > 0.6 * near.max())).nonzero()[0, 0])
    assert 60 * rate / lag == pytest.approx(tempo, rel=0.03)


def test_beats_and_chords_are_exact():
    piece = music(start_s=0.5, duration_s=2.25, tempo_bpm=120.0, key=10, mood="sad")
    assert beats(piece) == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5])
    found = chords(piece)
    assert [chord.start_s for chord in found] == pytest.approx([0.5, 1.5, 2.5])
    assert [chord.duration_s for chord in found] == pytest.approx([1, 1, 0.25])
    assert [chord.root for chord in found] == [10, 3, 5]
    assert found[0].tones == (10, 1, 5)
    assert chords(music(key=0))[0].tones == (0, 4, 7)
    assert TEMPO_BPM["sad"][1] < TEMPO_BPM["happy"][0]


def test_music_starts_and_ends_at_its_times():
    wave = render(music(start_s=0.5, duration_s=1.3), length=3 * SAMPLE_RATE_HZ)
    first, last = round(0.5 * SAMPLE_RATE_HZ), round(1.8 * SAMPLE_RATE_HZ)
    assert not wave[:, :first].any()
    assert not wave[:, last + 1 :].any()
    assert wave[:, first : first + 800].abs().max() > 0.2 * wave.abs().max()


def test_music_changes_from_shot_to_shot():
    first = music(duration_s=2.0, tempo_bpm=110.0)
    second = music(start_s=2.0, duration_s=2.0, mood="sad", timbre="pad", tempo_bpm=70.0, key=5)
    wave = render(first, second)
    assert torch.allclose(wave, render(first) + render(second), atol=1e-6)
    assert best_triad(chroma(wave, 0.0, 1.09)) == (2, "happy")
    assert best_triad(chroma(wave, 2.0, 3.7)) == (5, "sad")


@pytest.mark.parametrize("timbre", MUSIC_TIMBRES)
def test_levels_are_alike_and_follow_loudness(timbre):
    wave = render(music(timbre=timbre))
    level = float(wave.square().mean().sqrt())
    assert 0.02 < level < 0.06
    assert wave.abs().max() < 0.4
    half = render(music(timbre=timbre, loudness=0.5))
    assert torch.allclose(half, wave / 2, atol=1e-6)
    assert not render(music(loudness=0.0)).any()


def test_timbres_differ():
    views = []
    for timbre in MUSIC_TIMBRES:
        wave = render(music(timbre=timbre)).sum(0)
        loud = wave.square().unfold(0, 1024, 512).mean(1).sqrt()
        views.append(float(loud.std() / loud.mean()))
    assert all(abs(one - two) > 0.04 for one, two in itertools.combinations(views, 2))


def test_clips_are_independent_and_deterministic():
    items = [[music()], [], [music(timbre="organ", start_s=1.0)]]
    batch = render_music(items, LENGTH, [5, 6, 7])
    assert torch.equal(batch, render_music(items, LENGTH, [5, 6, 7]))
    assert not batch[1].any()
    assert torch.allclose(batch[2], render(*items[2], seed=7), atol=1e-6)
    assert not torch.allclose(batch[0], render(music(), seed=6), atol=1e-4)


def test_records_are_checked():
    adapter = TypeAdapter(Music)
    assert adapter.validate_json(adapter.dump_json(music())) == music()
    with pytest.raises(ValidationError):
        adapter.validate_json(adapter.dump_json(music()).replace(b"happy", b"angry"))
    for name, value in (("key", 12), ("tempo_bpm", 300.0), ("duration_s", 0.0), ("loudness", 2.0)):
        with pytest.raises(ValueError, match=r"key|tempo|seconds|loudness"):
            music(**{name: value})
