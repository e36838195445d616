"""Growth keeps what was learnt: exact where it can be, close to nothing lost where it cannot."""

from dataclasses import replace

import pytest
import torch

from openreels.conditioning.tokens import audio_branch, video_branch
from openreels.core.joint import Joint
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.training.growth import BY_CELL, deepened, refined_patches


def _trained(**changes: object) -> MMDiT:
    config = replace(
        presets.tiny(),
        num_single=2,
        truth_block=1,
        video_in=4 * 33,
        video_out=4 * 16,
        video_truths=4 * 3,
        audio_truths=2,
        **changes,
    )
    network = MMDiT(config, generator=torch.Generator().manual_seed(0)).eval()
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
    return network


def _velocities(network: MMDiT, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(2)
    known = torch.zeros(latents.shape[0], *latents.shape[2:], dtype=torch.bool)
    inputs = Joint(
        video_branch(latents, torch.zeros_like(latents), known, fps=16, patch=network.config.patch),
        audio_branch(torch.randn(2, 4, 20, generator=source)),
    )
    context = torch.randn(2, 5, 12, generator=source)
    with torch.no_grad():
        out = network(inputs, context, torch.ones(2, 5, dtype=torch.bool), torch.tensor([0.2, 0.7]))
    assert out.video is not None
    assert out.audio is not None
    return out.video, out.audio


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_a_deeper_network_that_repeats_nothing_is_the_same(kind: str) -> None:
    network = _trained(modulation=kind)
    latents = torch.randn(2, 16, 3, 4, 6, generator=torch.Generator().manual_seed(3))
    before, after = (_velocities(n, latents) for n in (network, deepened(network, (0, 1, 2))))
    for old, new in zip(before, after, strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_copies_with_closed_gates_change_nothing(kind: str) -> None:
    network = _trained(modulation=kind)
    deep = deepened(network, (0, 1, 1, 2, 2))
    assert deep.config.depth == 5
    with torch.no_grad():
        for branch in (deep.video, deep.audio):
            for index in (2, 4):
                block = branch.block(index)
                for layer in (
                    block.modality.attention.out,
                    block.modality.mlp.down,
                    block.text_attention.out,
                    block.partner_attention.out,
                ):
                    layer.weight.zero_()
                    layer.bias.zero_()
    latents = torch.randn(2, 16, 3, 4, 6, generator=torch.Generator().manual_seed(3))
    for old, new in zip(_velocities(network, latents), _velocities(deep, latents), strict=True):
        torch.testing.assert_close(old, new)


def test_orders_that_lose_a_dual_block_or_name_none_are_refused() -> None:
    network = _trained()
    for order in ((1, 2), (0, 0, 1), (0, 1, 3)):
        with pytest.raises(ValueError, match="order must name the 1 dual blocks"):
            deepened(network, order)


def test_a_cell_enters_as_half_its_patch_and_leaves_as_the_mean_of_it() -> None:
    network = _trained()
    fine = refined_patches(network)
    assert fine.config.patch == 1
    assert (fine.config.video_in, fine.config.video_out, fine.config.video_truths) == (33, 16, 3)
    source = torch.Generator().manual_seed(3)
    cell, token = torch.randn(5, 33, generator=source), torch.randn(1, 5, 32, generator=source)
    old, new = network.video, fine.video
    bias = old.token_in.bias
    torch.testing.assert_close(
        new.token_in(cell) - bias, (old.token_in(cell.repeat(1, 4)) - bias) / 2
    )
    features = torch.randn(1, 32, generator=source)
    torch.testing.assert_close(
        new.head(token, features), old.head(token, features).unflatten(-1, (4, 16)).mean(-2)
    )
    told, all_told = new.tell(token), old.tell(token)
    assert told is not None
    assert all_told is not None
    torch.testing.assert_close(told, all_told.unflatten(-1, (4, 3)).mean(-2))


def test_finer_patches_leave_all_that_knows_no_patch_and_run() -> None:
    network = _trained()
    fine = refined_patches(network)
    grown = fine.state_dict()
    changed = {
        name
        for name, value in network.state_dict().items()
        if grown[name].shape != value.shape or not torch.equal(grown[name], value)
    }
    assert changed == set(BY_CELL)
    video, _ = _velocities(fine, torch.randn(2, 16, 3, 2, 3))
    assert video.shape == (2, 3 * 2 * 3, 16)
