from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import tiny

GRID = (5, 8, 6)
"""240 tokens in 2 x 2 x 2 cubes, ragged in time and across."""


def _network(**change):
    network = MMDiT(replace(tiny(), **change))
    for name, parameter in network.named_parameters():
        if "coarse_gate" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return network


def _inputs(grid=GRID):
    count = GRID[0] * GRID[1] * GRID[2]
    axes = torch.meshgrid(*(torch.arange(side).float() for side in GRID), indexing="ij")
    positions = torch.stack([axis.flatten() for axis in axes], dim=-1)
    video = BranchInput(
        tokens=torch.randn(2, count, tiny().video_in),
        positions=positions.expand(2, -1, -1),
        grid=grid,
    )
    audio = BranchInput(tokens=torch.randn(2, 7, 4), positions=torch.rand(2, 7, 1))
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    return Joint(video, audio), torch.randn(2, 5, tiny().context_width), mask


SIGMA = torch.tensor([0.3, 0.9])


def test_with_all_cubes_and_gates_at_zero_the_whole_network_is_the_dense_one():
    dense, gated = _network(), _network(coarse_gate=True)
    missing = gated.load_state_dict(dense.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all("video.blocks" in name and "coarse_gate" in name for name in missing.missing_keys)
    inputs = _inputs()
    wanted, got = dense(*inputs, SIGMA), gated(*inputs, SIGMA)
    assert torch.equal(got.video, wanted.video)
    assert torch.equal(got.audio, wanted.audio)


def test_the_default_has_the_names_and_the_result_of_a_dense_network():
    network = _network()
    assert not any("gate" in name for name in network.state_dict())
    inputs = _inputs()
    wanted = network(*inputs, SIGMA)
    without = Joint(replace(inputs[0].video, grid=None), inputs[0].audio)
    assert torch.equal(network(without, *inputs[1:], SIGMA).video, wanted.video)


def test_sparsity_can_be_asked_for_at_run_time_and_by_the_config():
    inputs = _inputs()
    network = _network()
    dense, sparse = network(*inputs, SIGMA), network(*inputs, SIGMA, sparsity=0.75)
    assert not torch.allclose(dense.video, sparse.video, atol=1e-3)
    by_config = _network(sparsity=0.75)
    by_config.load_state_dict(network.state_dict())
    assert torch.equal(by_config(*inputs, SIGMA).video, sparse.video)
    assert torch.equal(by_config(*inputs, SIGMA, sparsity=0.0).video, dense.video)


def test_a_gate_that_opens_changes_the_result_and_learns():
    network = _network(coarse_gate=True, sparsity=0.5)
    inputs = _inputs()
    shut = network(*inputs, SIGMA).video
    shut.square().sum().backward()
    gates = {n: p for n, p in network.named_parameters() if n.endswith("coarse_gate.out.weight")}
    assert len(gates) == 2
    assert all(bool(p.grad.abs().sum() > 0) for p in gates.values())
    with torch.no_grad():
        for gate in gates.values():
            gate.normal_(std=0.5)
    assert not torch.allclose(network(*inputs, SIGMA).video, shut, atol=1e-3)


NUM_SHOWN = 5
"""Tokens of references before the grid, the first of them padding."""


def _with_references(branch):
    tokens = torch.randn(2, NUM_SHOWN, branch.tokens.shape[-1])
    positions = torch.rand(2, NUM_SHOWN, 3) - torch.tensor([2.0, 0.0, 0.0])
    shown = torch.tensor([[False] + [True] * (NUM_SHOWN - 1)] * 2)
    tags = torch.tensor([[1, 1, 1, 2, 2]] * 2)
    count = branch.tokens.shape[1]
    return replace(
        branch,
        tokens=torch.cat([tokens, branch.tokens], 1),
        positions=torch.cat([positions, branch.positions], 1),
        attendable=torch.nn.functional.pad(shown, (0, count), value=True),
        tags=torch.nn.functional.pad(tags, (0, count)),
        grid_start=NUM_SHOWN,
    )


def test_with_references_before_the_clip_all_cubes_are_dense_attention():
    dense = _network(num_tags=2)
    gated = _network(num_tags=2, coarse_gate=True)
    gated.load_state_dict(dense.state_dict(), strict=False)
    inputs, context, mask = _inputs()
    inputs = Joint(_with_references(inputs.video), inputs.audio)
    names = torch.tensor([[0, 1, 0, 2, 0]] * 2)
    wanted = dense(inputs, context, mask, SIGMA, names)
    got = gated(inputs, context, mask, SIGMA, names)
    real = slice(1, None)
    assert torch.allclose(got.video[:, real], wanted.video[:, real], atol=1e-4)
    assert torch.allclose(got.audio, wanted.audio, atol=1e-4)


def test_sparse_attention_is_the_same_wherever_references_stand():
    network = _network(num_tags=2, coarse_gate=True, sparsity=0.75, truth_block=1, video_truths=3)
    for name, parameter in network.named_parameters():
        if "coarse_gate" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    inputs, context, mask = _inputs()
    before = _with_references(inputs.video)
    after = before.turned(NUM_SHOWN)
    assert (after.grid_start, after.grid) == (0, GRID)
    assert torch.equal(after.tokens[:, : inputs.video.tokens.shape[1]], inputs.video.tokens)
    one, told = network.with_truths(Joint(before, inputs.audio), context, mask, SIGMA)
    two, said = network.with_truths(Joint(after, inputs.audio), context, mask, SIGMA)
    assert torch.equal(one.video[:, NUM_SHOWN:], two.video[:, :-NUM_SHOWN])
    assert torch.equal(one.video[:, :NUM_SHOWN], two.video[:, -NUM_SHOWN:])
    assert torch.equal(told.video[:, NUM_SHOWN:], said.video[:, :-NUM_SHOWN])
    assert torch.equal(one.audio, two.audio)
    shifted = replace(before, grid_start=0)
    other = network(Joint(shifted, inputs.audio), context, mask, SIGMA)
    assert not torch.allclose(other.video, one.video, atol=1e-3)


def test_hidden_references_are_none_in_sparse_attention_too():
    network = _network(num_tags=2, sparsity=0.75)
    inputs, context, mask = _inputs()
    shown = _with_references(inputs.video)
    hidden = replace(shown, attendable=shown.tags == 0)
    got = network(Joint(hidden, inputs.audio), context, mask, SIGMA)
    plain = network(inputs, context, mask, SIGMA)
    assert torch.allclose(got.video[:, NUM_SHOWN:], plain.video, atol=1e-4)
    assert torch.allclose(got.audio, plain.audio, atol=1e-4)


def test_a_grid_that_does_not_fit_is_refused():
    inputs, context, mask = _inputs()
    video = replace(inputs.video, grid_start=1)
    with pytest.raises(ValueError, match=r"a grid of 240 tokens after 1 others .* got 240"):
        _network(sparsity=0.5)(Joint(video, inputs.audio), context, mask, SIGMA)


def test_sparse_attention_without_a_grid_is_refused():
    inputs = _inputs(grid=None)
    with pytest.raises(ValueError, match="needs the grid of the video tokens"):
        _network()(*inputs, SIGMA, sparsity=0.5)


def test_a_network_without_audio_is_the_video_branch_of_one_with_it():
    both, alone = _network(), _network(audio_channels=0)
    names = {n for n in both.state_dict() if not (n.startswith("audio") or "partner" in n)}
    assert set(alone.state_dict()) == names
    alone.load_state_dict({name: both.state_dict()[name] for name in names})
    inputs, context, mask = _inputs()
    silent = Joint(inputs.video, None)
    wanted = both(silent, context, mask, SIGMA)
    got = alone(silent, context, mask, SIGMA)
    assert torch.equal(got.video, wanted.video)
    assert got.audio is None
    with pytest.raises(ValueError, match="no audio branch"):
        alone(inputs, context, mask, SIGMA)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"sparsity": 1.0}, r"sparsity must lie in \[0, 1\)"),
        ({"residual": -1.0}, "residual must not be negative"),
        ({"audio_channels": 0, "audio_truths": 4}, "no audio_truths"),
        ({"audio_channels": -1}, "audio_channels must not be negative"),
    ],
)
def test_impossible_fields_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        replace(tiny(), **change)
