import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.loss import total_loss, velocity_errors


def _pair():
    return tuple(Joint(torch.randn(3, 6, 4), torch.randn(3, 5, 2)) for _ in range(2))


def test_errors_are_mean_squares_a_sample_and_weigh_equally():
    predicted, target = _pair()
    errors = velocity_errors(predicted, target)
    assert torch.allclose(errors.video, (predicted.video - target.video).square().mean((1, 2)))
    total = (predicted.video - target.video).square().mean()
    total += (predicted.audio - target.audio).square().mean()
    assert torch.allclose(total_loss(errors), total)


def test_what_is_not_counted_does_not_matter():
    predicted, target = _pair()
    counted = torch.rand(3, 6) < 0.5
    counted[0] = True
    counted[2] = False
    errors = velocity_errors(predicted, target, counted=Joint(counted, None))
    assert torch.allclose(errors.video[0], (predicted.video - target.video)[0].square().mean())
    kept = (predicted.video - target.video)[1][counted[1]]
    assert torch.allclose(errors.video[1], kept.square().mean())
    assert errors.video[2] == 0
    predicted.video.masked_fill_(~counted[..., None], float("nan"))
    again = velocity_errors(predicted, target, counted=Joint(counted, None))
    assert torch.equal(again.video, errors.video)


def test_errors_may_count_more_or_less():
    predicted, target = _pair()
    weight = torch.rand(3, 6) + 0.1
    weight[2] = 0
    errors = velocity_errors(predicted, target, counted=Joint(weight, None))
    squares = (predicted.video - target.video).square().mean(2)
    expected = (weight * squares).sum(1)[:2] / weight.sum(1)[:2]
    assert torch.allclose(errors.video[:2], expected)
    assert errors.video[2] == 0
    same = velocity_errors(predicted, target, counted=Joint(torch.full((3, 6), 0.2), None))
    assert torch.allclose(same.video, velocity_errors(predicted, target).video)


def test_an_absent_modality_has_no_error():
    predicted, target = _pair()
    errors = velocity_errors(Joint(predicted.video, None), target)
    assert errors.audio is None
    assert torch.allclose(total_loss(errors), errors.video.mean())
    with pytest.raises(ValueError, match="at least one modality"):
        total_loss(Joint(None, None))


def test_half_precision_is_summed_in_single():
    large = Joint(torch.full((1, 300, 300), 30.0, dtype=torch.float16), None)
    zero = Joint(torch.zeros(1, 300, 300, dtype=torch.float16), None)
    assert velocity_errors(large, zero).video.item() == pytest.approx(900.0)
