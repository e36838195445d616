import pytest
import torch

from openreels.nn.attention import (
    CrossAttention,
    SelfProjection,
    attend,
    key_mask,
    plain_attend,
)
from openreels.nn.product_attention import product_attend
from openreels.nn.rope import rotary_table


def _heads(*lengths):
    return [torch.randn(2, length, 3, 8, requires_grad=True) for length in lengths]


@pytest.mark.parametrize("masked", [False, True])
def test_fused_equals_plain_in_values_and_gradients(masked):
    heads = _heads(5, 7, 7)
    mask = (torch.rand(2, 1, 1, 7) < 0.6) if masked else None
    doubles = [x.detach().double().requires_grad_() for x in heads]
    fused, plain = attend(*heads, mask), plain_attend(*doubles, mask)
    assert torch.allclose(fused.double(), plain, atol=1e-6)
    weight = torch.randn_like(fused)
    left = torch.autograd.grad((fused * weight).sum(), heads)
    right = torch.autograd.grad((plain * weight.double()).sum(), doubles)
    for got, expected in zip(left, right, strict=True):
        assert torch.allclose(got.double(), expected, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_bfloat16_products_follow_the_plain_path_in_values_and_gradients(masked):
    heads = _heads(5, 7, 7)
    mask = (torch.rand(2, 1, 1, 7) < 0.6) if masked else None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fast = attend(*heads, mask)
    assert torch.equal(fast, product_attend(*heads, mask))
    plain = plain_attend(*heads, mask)
    assert torch.allclose(fast.float(), plain, atol=0.03)
    weight = torch.randn_like(plain)
    left = torch.autograd.grad((fast * weight).sum(), heads)
    right = torch.autograd.grad((plain * weight).sum(), heads)
    for got, expected in zip(left, right, strict=True):
        assert torch.allclose(got, expected, atol=0.08)


@pytest.mark.parametrize("attention", [attend, plain_attend, product_attend])
def test_a_sample_without_keys_reads_zeros_with_finite_gradients(attention):
    heads = _heads(5, 7, 7)
    mask = torch.ones(2, 1, 1, 7, dtype=torch.bool)
    mask[0] = False
    mixed = attention(*heads, mask)
    assert torch.equal(mixed[0], torch.zeros_like(mixed[0]))
    assert mixed[1].abs().sum() > 0
    assert all(x.isfinite().all() for x in torch.autograd.grad(mixed.sum(), heads))


@pytest.mark.parametrize("attention", [attend, plain_attend])
def test_hidden_keys_change_nothing(attention):
    query, key, value = _heads(5, 7, 7)
    mask = torch.ones(2, 1, 1, 7, dtype=torch.bool)
    mask[..., 4:] = False
    short = attend(query, key[:, :4], value[:, :4])
    loud = torch.where(mask[:, 0, 0, :, None, None], key, 1000.0)
    assert torch.allclose(attention(query, loud, value, mask), short, atol=1e-6)


def test_a_mask_that_hides_nothing_takes_the_fast_case():
    assert key_mask(None) is None
    assert key_mask(torch.ones(2, 4, dtype=torch.bool)) is None
    mask = key_mask(torch.tensor([[True, False]]))
    assert mask is not None
    assert mask.shape == (1, 1, 1, 2)


def test_cross_attention_reads_on_the_common_clock():
    layer = CrossAttention(24, 3)
    tokens, source = torch.randn(1, 4, 24), torch.randn(1, 6, 24)
    times = [torch.rand(1, count, 1) for count in (4, 6)]

    def read(shift, stretch=1.0):
        clocks = [rotary_table(stretch * time + shift, (8,), (10.0,)) for time in times]
        return layer(tokens, source, clocks=(clocks[0], clocks[1]))

    assert torch.allclose(read(0.0), read(4.0), atol=1e-5)
    assert not torch.allclose(read(0.0), read(0.0, stretch=5.0), atol=1e-4)


def test_queries_and_keys_are_normalised():
    query, key, value = SelfProjection(24, 3)(100 * torch.randn(2, 5, 24))
    for heads in (query, key):
        assert torch.allclose(heads.square().mean(-1), torch.ones(2, 5, 3), atol=1e-3)
    assert value.square().mean() > 10
