from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import tiny
from openreels.nn.patchify import patchify

NUM_VIDEO, NUM_AUDIO, NUM_TEXT = 6, 7, 5


def _network(**change):
    """A tiny network without a zero anywhere."""
    network = MMDiT(replace(tiny(), **change))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def _inputs(batch=2):
    config = tiny()
    video = BranchInput(
        tokens=torch.randn(batch, NUM_VIDEO, config.video_in),
        positions=torch.rand(batch, NUM_VIDEO, 3),
    )
    audio = BranchInput(
        tokens=torch.randn(batch, NUM_AUDIO, config.audio_channels),
        positions=torch.rand(batch, NUM_AUDIO, 1),
    )
    context = torch.randn(batch, NUM_TEXT, config.context_width)
    return Joint(video, audio), context, torch.ones(batch, NUM_TEXT, dtype=torch.bool)


SIGMA = torch.tensor([0.3, 0.9])


def _pad(given, count):
    batch, length = given.tokens.shape[:2]
    return BranchInput(
        tokens=torch.cat([given.tokens, torch.randn(batch, count, given.tokens.shape[2])], 1),
        positions=torch.cat(
            [given.positions, torch.rand(batch, count, given.positions.shape[2])], 1
        ),
        attendable=torch.cat(
            [torch.ones(batch, length, dtype=torch.bool), torch.zeros(batch, count).bool()], 1
        ),
    )


def test_fresh_network_is_the_identity_and_predicts_zero():
    network = MMDiT(tiny())
    inputs, context, mask = _inputs()
    seen = []
    network.video.head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    out = network(inputs, context, mask, SIGMA)
    assert torch.equal(seen[0], network.video.token_in(inputs.video.tokens))
    assert torch.equal(out.video, torch.zeros(2, NUM_VIDEO, tiny().video_out))
    assert torch.equal(out.audio, torch.zeros(2, NUM_AUDIO, tiny().audio_channels))


def test_the_same_generator_gives_the_same_weights():
    first, second = (MMDiT(tiny(), generator=torch.Generator().manual_seed(3)) for _ in range(2))
    for left, right in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_gradients_reach_every_parameter(kind):
    network = _network(modulation=kind)
    out = network(*_inputs(), SIGMA)
    (out.video.square().mean() + out.audio.square().mean()).backward()
    missing = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert not missing


def test_batch_equals_singles():
    network = _network()
    inputs, context, mask = _inputs()
    mask[1, 3:] = False
    whole = network(inputs, context, mask, SIGMA)
    for index in range(2):
        part = slice(index, index + 1)
        single = inputs.map(
            lambda given, part=part: BranchInput(
                tokens=given.tokens[part], positions=given.positions[part]
            )
        )
        out = network(single, context[part], mask[part], SIGMA[part])
        assert torch.allclose(out.video, whole.video[part], atol=1e-5)
        assert torch.allclose(out.audio, whole.audio[part], atol=1e-5)


def test_padding_changes_nothing():
    network = _network()
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    longer = torch.cat([context, torch.randn(2, 3, context.shape[2])], 1)
    longer_mask = torch.cat([mask, torch.zeros(2, 3).bool()], 1)
    padded = Joint(_pad(inputs.video, 2), _pad(inputs.audio, 4))
    out = network(padded, longer, longer_mask, SIGMA)
    assert torch.allclose(out.video[:, :NUM_VIDEO], plain.video, atol=1e-5)
    assert torch.allclose(out.audio[:, :NUM_AUDIO], plain.audio, atol=1e-5)


@pytest.mark.parametrize("absent", ["audio", "video"])
def test_an_absent_branch_is_not_run_and_not_read(absent):
    network = _network()
    inputs, context, mask = _inputs()
    present = "video" if absent == "audio" else "audio"
    alone = replace(inputs, **{absent: None})
    before = network(alone, context, mask, SIGMA)
    together = network(inputs, context, mask, SIGMA)
    branch = getattr(network, present)
    unused = list(getattr(network, absent).parameters())
    unused += [p for block in branch.blocks for p in block.partner_attention.parameters()]
    with torch.no_grad():
        for parameter in unused:
            parameter.fill_(float("nan"))
    after = network(alone, context, mask, SIGMA)
    assert getattr(after, absent) is None
    assert torch.equal(getattr(before, present), getattr(after, present))
    assert not torch.allclose(getattr(before, present), getattr(together, present))
    getattr(after, present).sum().backward()
    assert all(parameter.grad is None for parameter in unused)


def test_video_reads_the_audio_that_has_just_read_the_video():
    """With one block, video depends on how audio reads video only if it reads it updated."""
    network = _network(num_dual=0, num_single=1)
    inputs, context, mask = _inputs()
    before = network(inputs, context, mask, SIGMA)
    with torch.no_grad():
        network.audio.blocks[0].partner_attention.out.weight.add_(0.5)
    after = network(inputs, context, mask, SIGMA)
    assert not torch.allclose(before.video, after.video, atol=1e-4)
    with torch.no_grad():
        network.video.blocks[0].partner_attention.out.weight.add_(0.5)
    last = network(inputs, context, mask, SIGMA)
    assert torch.equal(after.audio, last.audio)
    assert not torch.allclose(after.video, last.video, atol=1e-4)


def test_tokens_are_a_set_with_positions():
    network = _network()
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    orders = Joint(torch.randperm(NUM_VIDEO), torch.randperm(NUM_AUDIO))
    shuffled = inputs.zip(
        orders,
        lambda given, order: BranchInput(
            tokens=given.tokens[:, order], positions=given.positions[:, order]
        ),
    )
    out = network(shuffled, context, mask, SIGMA)
    assert torch.allclose(out.video, plain.video[:, orders.video], atol=1e-5)
    assert torch.allclose(out.audio, plain.audio[:, orders.audio], atol=1e-5)


def _moved(inputs, video_shift, audio_shift):
    shifts = Joint(torch.tensor([video_shift, 0.0, 0.0]), torch.tensor([audio_shift]))
    return inputs.zip(
        shifts, lambda given, shift: replace(given, positions=given.positions + shift)
    )


def test_without_text_only_relative_time_counts():
    network = _network()
    inputs, context, mask = _inputs()
    mask[:] = False
    plain = network(inputs, context, mask, SIGMA)
    moved = network(_moved(inputs, 2.0, 2.0), context, mask, SIGMA)
    assert torch.allclose(plain.video, moved.video, atol=1e-4)
    assert torch.allclose(plain.audio, moved.audio, atol=1e-4)
    apart = network(_moved(inputs, 2.0, 2.1), context, mask, SIGMA)
    assert not torch.allclose(plain.video, apart.video, atol=1e-3)


def test_text_and_noise_level_matter_to_both_branches():
    network = _network()
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    for out in (
        network(inputs, torch.randn_like(context), mask, SIGMA),
        network(inputs, context, mask, SIGMA / 2),
    ):
        assert not torch.allclose(out.video, plain.video, atol=1e-3)
        assert not torch.allclose(out.audio, plain.audio, atol=1e-3)


def test_audio_may_be_at_a_level_of_its_own():
    network = _network()
    inputs, context, mask = _inputs()
    low, high = torch.full((2,), 0.2), torch.full((2,), 0.8)
    same = network(inputs, context, mask, low)
    for name in ("video", "audio"):
        stated = getattr(network(inputs, context, mask, Joint(low, low)), name)
        assert torch.equal(stated, getattr(same, name))
        moved = getattr(network(inputs, context, mask, Joint(low, high)), name)
        assert not torch.allclose(moved, getattr(same, name))
    silent = Joint(inputs.video, None)
    alone = network(silent, context, mask, Joint(low, high)).video
    assert torch.equal(alone, network(silent, context, mask, low).video)


def test_wrong_inputs_are_refused():
    network = _network()
    inputs, context, mask = _inputs()
    with pytest.raises(ValueError, match="at least one branch"):
        network(Joint(None, None), context, mask, SIGMA)
    with pytest.raises(ValueError, match="video tokens must have 9 channels and 3"):
        network(
            Joint(replace(inputs.video, tokens=torch.randn(2, 6, 8)), None), context, mask, SIGMA
        )
    with pytest.raises(ValueError, match="context must have 12"):
        network(inputs, context[..., :4], mask, SIGMA)


def test_half_precision_follows_single():
    network = MMDiT(tiny(), generator=torch.Generator().manual_seed(0))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    inputs, context, mask = _inputs()
    single = network(inputs, context, mask, SIGMA)
    halves = inputs.map(lambda given: replace(given, tokens=given.tokens.bfloat16()))
    out = network.bfloat16()(halves, context.bfloat16(), mask, SIGMA)
    assert out.video.dtype == torch.bfloat16
    assert torch.allclose(
        out.video.float(), single.video, atol=0.05 * single.video.std().item() + 0.02
    )


def test_recorded_outputs():
    """Recorded with ``print(out.video[0, 0], out.audio[0, 0])`` at the end of this test."""
    network = MMDiT(tiny())
    with torch.no_grad():
        for index, parameter in enumerate(network.parameters()):
            ramp = torch.arange(parameter.numel(), dtype=torch.float32).view_as(parameter)
            parameter.copy_(0.2 * torch.sin(1.7 * ramp + index))

    def wave(*shape):
        return torch.sin(torch.arange(torch.Size(shape).numel()).view(shape) * 0.37)

    video = BranchInput(tokens=wave(1, 4, 9), positions=wave(1, 4, 3) + 1)
    audio = BranchInput(tokens=wave(1, 3, 4), positions=wave(1, 3, 1) + 1)
    mask = torch.tensor([[True, True, False]])
    out = network(Joint(video, audio), wave(1, 3, 12), mask, torch.tensor([0.4]))
    video_row = torch.tensor([0.59220, -0.26912, -0.15606, 0.50814])
    audio_row = torch.tensor([0.32845, -0.42957, 0.30761, 0.06383])
    assert torch.allclose(out.video[0, 0], video_row, atol=1e-4)
    assert torch.allclose(out.audio[0, 0], audio_row, atol=1e-4)


def test_skip_takes_the_noisy_channels_of_a_patch():
    channels, patch = 3, 2
    config = replace(
        tiny(), skip=True, video_in=patch**2 * (2 * channels + 1), video_out=patch**2 * channels
    )
    noisy, given = torch.randn(2, 1, channels, 2, 4, 6)
    tokens = patchify(torch.cat([noisy, given, given[:, :1]], dim=1), patch)
    inputs = Joint(BranchInput(tokens=tokens, positions=torch.zeros(1, 12, 3)), None)
    context, mask = torch.randn(1, 2, config.context_width), torch.ones(1, 2, dtype=torch.bool)
    velocity = MMDiT(config)(inputs, context, mask, torch.tensor([1.0])).video
    torch.testing.assert_close(velocity, patchify(noisy, patch))


def test_telling_the_truth_changes_no_velocity_and_hears_the_other_branch():
    torch.manual_seed(0)
    network = _network(truth_block=1, video_truths=6, audio_truths=3)
    inputs, context, mask = _inputs()
    velocity, told = network.with_truths(inputs, context, mask, SIGMA)
    plain = network(inputs, context, mask, SIGMA)
    assert torch.equal(velocity.video, plain.video)
    assert told.video.shape == (2, NUM_VIDEO, 6)
    assert told.audio.shape == (2, NUM_AUDIO, 3)
    other = Joint(replace(inputs.video, tokens=inputs.video.tokens + 1), inputs.audio)
    assert not torch.allclose(network.with_truths(other, context, mask, SIGMA)[1].audio, told.audio)
    silent = network.with_truths(Joint(inputs.video, None), context, mask, SIGMA)[1]
    assert silent.audio is None


def test_each_branch_tells_after_blocks_of_its_own():
    torch.manual_seed(0)
    network = _network(truth_block=1, video_truths=6, audio_truths=3)
    inputs = _inputs()
    told = {}
    for blocks in ((1, None), (2, None), (1, 2), (2, 1)):
        change = {"truth_block": blocks[0], "audio_truth_block": blocks[1]}
        other = _network(video_truths=6, audio_truths=3, **change)
        other.load_state_dict(network.state_dict())
        told[blocks] = other.with_truths(*inputs, SIGMA)[1]
    assert not torch.allclose(told[1, None].video, told[2, None].video)
    assert not torch.allclose(told[1, None].audio, told[2, None].audio)
    for video, audio in ((1, 2), (2, 1)):
        assert torch.equal(told[video, audio].video, told[video, None].video)
        assert torch.equal(told[video, audio].audio, told[audio, None].audio)
