"""What is near a token on the grid of the clip, inside the network."""

from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import tiny

GRID = (2, 3, 3)
SIGMA = torch.tensor([0.4])


def _network(**change):
    torch.manual_seed(0)
    config = replace(tiny(), near_width=8, near_depth=2, truth_block=1, video_truths=5, **change)
    network = MMDiT(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def _inputs(before=0, behind=0):
    torch.manual_seed(1)
    count = 18 + before + behind
    config = tiny()
    video = BranchInput(
        tokens=torch.randn(1, count, config.video_in),
        positions=torch.rand(1, count, 3),
        grid=GRID,
        grid_start=before,
    )
    audio = BranchInput(tokens=torch.randn(1, 6, 4), positions=torch.rand(1, 6, 1))
    return Joint(video, audio), torch.randn(1, 3, 12), torch.ones(1, 3, dtype=torch.bool)


def test_a_new_network_starts_without_it():
    torch.manual_seed(0)
    plain = MMDiT(tiny())
    near = MMDiT(replace(tiny(), near_width=8))
    near.load_state_dict(near.state_dict() | plain.state_dict())
    given = (*_inputs(), SIGMA)
    for one, other in zip(*(vars_of(net(*given)) for net in (near, plain)), strict=True):
        assert torch.equal(one, other)


def vars_of(pair):
    return pair.video, pair.audio


def test_places_on_the_grid_count_and_not_what_stands_beside_it():
    network = _network()
    inputs, context, mask = _inputs(before=4, behind=3)
    moved = inputs.video.tokens.clone()
    moved[:, :4] += 1
    moved[:, 22:] -= 1
    told = [
        network.near_truths(replace(inputs.video, tokens=tokens), context, mask, SIGMA)
        for tokens in (inputs.video.tokens, moved)
    ]
    assert told[0].shape == (1, 18, 5)
    assert torch.equal(*told)
    swapped = inputs.video.tokens.clone()
    swapped[:, [4, 5]] = swapped[:, [5, 4]]
    other = network.near_truths(replace(inputs.video, tokens=swapped), context, mask, SIGMA)
    assert not torch.allclose(other, told[0])


def test_what_is_on_no_grid_enters_as_without_it():
    network = _network()
    inputs, context, _ = _inputs(before=4, behind=3)
    features = torch.randn(1, 32)
    tokens = inputs.video.tokens
    entered = network.video.enter(tokens, context).tokens
    looked = network.video.look_around(entered, inputs.video, tokens, features)
    outside = [0, 1, 2, 3, 22, 23, 24]
    assert torch.equal(looked[:, outside], entered[:, outside])
    assert (looked[:, 4:22] - entered[:, 4:22]).abs().amax(-1).gt(1e-4).all()


def test_keyframes_are_seen_each_for_itself_on_their_own_grid():
    network = _network()
    inputs, context, _ = _inputs(before=4, behind=12)
    video = replace(inputs.video, beside=(2, 2, 3))
    features = torch.randn(1, 32)

    def looked(given):
        entered = network.video.enter(given.tokens, context).tokens
        return network.video.look_around(entered, given, given.tokens, features) - entered

    got = looked(video)
    bare = looked(inputs.video)
    assert torch.equal(got[:, :22], bare[:, :22])
    for start in (22, 28):
        alone = network.video.near(video.tokens[:, start : start + 6], features, (1, 2, 3))
        torch.testing.assert_close(got[:, start : start + 6], alone)
    # References that sparse attention has moved behind the keyframes stay as they were.
    torch.testing.assert_close(looked(video.turned(4)).roll(4, 1), got)


def test_sparse_attention_moves_references_behind_the_grid_and_back():
    network = _network(sparsity=0.0, coarse_gate=True)
    inputs, context, mask = _inputs(before=4)
    out = network(inputs, context, mask, SIGMA).video
    last = replace(inputs.video.turned(4), grid_start=0)
    turned = network(Joint(last, inputs.audio), context, mask, SIGMA).video
    torch.testing.assert_close(out.roll(-4, 1), turned)


def test_a_clip_without_a_grid_is_refused():
    inputs, context, mask = _inputs()
    with pytest.raises(ValueError, match="needs the grid of the clip"):
        _network()(Joint(replace(inputs.video, grid=None), None), context, mask, SIGMA)


def test_a_network_without_it_tells_nothing():
    inputs, context, mask = _inputs()
    assert MMDiT(tiny()).near_truths(inputs.video, context, mask, SIGMA) is None
