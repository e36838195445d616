import pytest
import torch

from openreels.conditioning.conditions import KeptSound
from openreels.pipelines.sound import assemble_sound, sample_at


def _noise(num_samples, seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(2, num_samples, generator=draw) * 2 - 1


def test_no_sound_is_none():
    assert assemble_sound(None, window=range(5), num_frames=5, fps=16, kept=None) is None


@pytest.mark.parametrize("given", [40_000, 46_856, 60_000])
def test_generated_sound_lasts_as_long_as_the_frames(given):
    generated = _noise(given, 0)
    sound = assemble_sound(generated, window=range(17), num_frames=17, fps=16, kept=None)
    assert sound.shape == (2, 46_856)
    shared = min(given, 46_856)
    assert torch.equal(sound[:, :shared], generated[:, :shared])
    assert not sound[:, shared:].any()


@pytest.mark.parametrize(("first", "window"), [(0, range(3, 20)), (13, range(17))])
def test_kept_sound_is_returned_sample_for_sample(first, window):
    generated, source = _noise(46_856, 0), _noise(sample_at(7, 16), 1)
    kept = KeptSound(waveform=source, first_frame=first, num_frames=7)
    sound = assemble_sound(generated, window=window, num_frames=20, fps=16, kept=kept)
    start, stop = sample_at(first, 16), sample_at(first + 7, 16)
    assert torch.equal(sound[:, start:stop], source[:, : stop - start])
    assert sound.shape[1] == sample_at(20, 16)
    shift = sample_at(window.start, 16)
    far = slice(stop + 500, None) if first == 0 else slice(0, start - 500)
    expected = torch.zeros_like(sound)
    expected[:, shift : shift + 46_856] = generated[:, : sound.shape[1] - shift]
    assert torch.equal(sound[:, far], expected[:, far])


def test_the_join_does_not_click():
    generated = torch.full((2, 46_856), -0.8)
    source = torch.full((2, sample_at(7, 16)), 0.8)
    for first in (0, 10):
        kept = KeptSound(waveform=source, first_frame=first, num_frames=7)
        sound = assemble_sound(generated, window=range(17), num_frames=17, fps=16, kept=kept)
        assert sound.diff().abs().max() < 0.01


def test_kept_sound_alone_is_padded_with_silence():
    kept = KeptSound(waveform=torch.ones(2, 100), first_frame=0, num_frames=5)
    sound = assemble_sound(None, window=range(5), num_frames=5, fps=16, kept=kept)
    assert sound.shape[1] == sample_at(5, 16)
    assert sound.sum() == 200


def test_generated_sound_is_cut_to_full_scale_and_kept_sound_is_not():
    loud = torch.full((2, 46_856), 3.0)
    kept = KeptSound(waveform=loud, first_frame=0, num_frames=7)
    sound = assemble_sound(loud, window=range(17), num_frames=17, fps=16, kept=kept)
    assert sound[:, : sample_at(7, 16)].min() == 3
    assert sound[:, -100:].max() == 1


@pytest.mark.parametrize("window", [range(5, 22), range(17), range(3, 20)])
def test_sound_beside_a_silent_source_begins_and_ends_without_a_click(window):
    loud = torch.full((2, 46_900), 0.8)
    sound = assemble_sound(loud, window=window, num_frames=22, fps=16, kept=None)
    assert sound.diff().abs().max() < 0.01
    middle = sample_at((window.start + window.stop) // 2, 16)
    assert torch.equal(sound[:, middle], torch.full((2,), 0.8))
    if window.start == 0:
        assert sound[0, 0] == pytest.approx(0.8)  # it begins with the clip
