import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.guidance import Guidance, combine, follow, guide, rescale_spread


class _Constant:
    def __init__(self, audio=True):
        self.velocity = Joint(torch.randn(2, 3, 4), torch.randn(2, 5) if audio else None)
        self.calls = 0

    def __call__(self, noisy, sigma):
        self.calls += 1
        return self.velocity


def _guided(guidance, *, sigma=0.5, audio=True):
    with_text, without = _Constant(audio), _Constant(audio)
    denoiser = guide(with_text, without, guidance)
    return with_text, without, denoiser(with_text.velocity, torch.full((2,), sigma))


def test_scale_one_is_no_guidance_bit_for_bit_and_costs_nothing():
    with_text, without, velocity = _guided(Guidance())
    assert velocity is with_text.velocity
    assert without.calls == 0


def test_each_modality_has_its_scale():
    with_text, without, velocity = _guided(Guidance(scales=Joint(3.0, 1.0)))
    a, b = with_text.velocity, without.velocity
    assert torch.allclose(velocity.video, b.video + 3 * (a.video - b.video))
    assert velocity.audio is a.audio
    assert without.calls == 1


def test_the_sound_follows_the_picture_where_both_are_there():
    seeing, without, alone = _Constant(), _Constant(), _Constant()
    level, rule = torch.full((2,), 0.5), Guidance(scales=Joint(3.0, 2.0), sync=4.0)
    velocity = guide(seeing, without, rule, blind=alone)(seeing.velocity, level)
    a, b, c = (one.velocity for one in (seeing, without, alone))
    assert torch.equal(velocity.video, combine(a, b, rule).video)
    expected = b.audio + 2 * (a.audio - b.audio) + 3 * (a.audio - c.audio)
    assert torch.allclose(velocity.audio, expected, atol=1e-5)
    # Without the other guidance it costs one evaluation more, and none for a single modality.
    only = guide(seeing, without, Guidance(sync=2.0), blind=alone)
    assert torch.allclose(only(a, level).audio, 2 * a.audio - c.audio, atol=1e-5)
    assert (without.calls, alone.calls) == (1, 2)
    assert only(Joint(None, a.audio), level) is a
    assert alone.calls == 2
    assert guide(seeing, without, Guidance(sync=2.0)) is seeing


def test_an_absent_modality_stays_absent():
    _, _, velocity = _guided(Guidance(scales=Joint(3.0, 2.0)), audio=False)
    assert velocity.audio is None


@pytest.mark.parametrize(("sigma", "calls"), [(0.1, 0), (0.5, 1), (0.95, 0)])
def test_outside_the_interval_one_evaluation_is_enough(sigma, calls):
    guidance = Guidance(scales=Joint(2.0, 2.0), interval=(0.2, 0.9))
    with_text, without, velocity = _guided(guidance, sigma=sigma)
    assert without.calls == calls
    assert (velocity is with_text.velocity) == (calls == 0)


def test_sound_is_pulled_by_what_the_picture_changes():
    guided, seeing, blind = (torch.randn(2, 3, 5) for _ in range(3))
    assert follow(guided, seeing, blind, Guidance()) is guided
    pulled = follow(seeing, seeing, blind, Guidance(sync=3.0))
    torch.testing.assert_close(pulled, blind + 3 * (seeing - blind))
    torch.testing.assert_close(follow(guided, seeing, seeing, Guidance(sync=3.0)), guided)
    with pytest.raises(ValueError, match="sync_guidance_scale must be at least 1"):
        Guidance(sync=0.5)


def test_rescale_gives_back_the_standard_deviation():
    guided, plain = 4 * torch.randn(2, 3, 50), torch.randn(2, 3, 50)
    assert rescale_spread(guided, plain, 0.0) is guided
    full = rescale_spread(guided, plain, 1.0)
    assert torch.allclose(full.std((1, 2)), plain.std((1, 2)), atol=1e-4)
    half = rescale_spread(guided, plain, 0.5)
    assert torch.allclose(half, (full + guided) / 2, atol=1e-5)


def test_one_batch_of_twice_the_size_gives_the_same():
    guidance = Guidance(scales=Joint(2.5, 4.0), rescale=0.7)
    with_text, without, velocity = _guided(guidance)
    both = with_text.velocity.zip(without.velocity, lambda a, b: torch.cat([a, b]))
    halves = [both.map(lambda x, part=part: x.chunk(2)[part]) for part in range(2)]
    together = combine(halves[0], halves[1], guidance)
    assert torch.equal(together.video, velocity.video)
    assert torch.equal(together.audio, velocity.audio)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"scales": Joint(0.5, 1.0)}, "video guidance_scale must be at least 1"),
        ({"scales": Joint(1.0, float("nan"))}, "audio guidance_scale must be at least 1"),
        ({"rescale": 1.5}, "rescale must be in"),
        ({"interval": (0.8, 0.2)}, "interval must be increasing"),
    ],
)
def test_impossible_settings_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        Guidance(**change)
