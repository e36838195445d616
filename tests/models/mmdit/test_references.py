"""References in context, as the network sees them; and the switches of the ablations."""

from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.shapes import AUDIO_TOKENS_PER_S
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import tiny

SIGMA = torch.tensor([0.3, 0.9])


def _network(**change):
    network = MMDiT(replace(tiny(), **change))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def _branch(channels, axes, tags):
    count = len(tags)
    positions = torch.rand(2, count, axes)
    positions[..., 0] = torch.arange(count) * 0.25 - sum(tag > 0 for tag in tags) * 0.25
    return BranchInput(
        tokens=torch.randn(2, count, channels),
        positions=positions,
        tags=torch.tensor([tags] * 2),
    )


def _inputs():
    config = tiny()
    inputs = Joint(
        _branch(config.video_in, 3, [1, 1, 2, 0, 0, 0]),
        _branch(config.audio_channels, 1, [1, 2, 2, 0, 0, 0, 0]),
    )
    context = torch.randn(2, 5, config.context_width)
    return inputs, context, torch.ones(2, 5, dtype=torch.bool)


TEXT_TAGS = torch.tensor([[0, 1, 0, 2, 0]] * 2)


def _own(out, inputs):
    """The velocities of the clip itself."""
    return [
        getattr(out, name)[:, getattr(inputs, name).tags[0] == 0] for name in ("video", "audio")
    ]


def _close(left, right, **tolerance):
    return [
        torch.allclose(a, b, **({"atol": 1e-5} | tolerance))
        for a, b in zip(left, right, strict=True)
    ]


def test_a_hidden_reference_is_no_reference():
    network = _network(num_tags=3)
    inputs, context, mask = _inputs()
    hidden = inputs.map(lambda given: replace(given, attendable=given.tags == 0))
    without = inputs.map(
        lambda given: BranchInput(
            tokens=given.tokens[:, given.tags[0] == 0],
            positions=given.positions[:, given.tags[0] == 0],
        )
    )
    out = network(hidden, context, mask, SIGMA)
    plain = network(without, context, mask, SIGMA)
    assert _close(_own(out, inputs), [plain.video, plain.audio]) == [True, True]
    seen = network(inputs, context, mask, SIGMA)
    assert _close(_own(seen, inputs), [plain.video, plain.audio], atol=1e-3) == [False, False]


def test_a_reference_is_modulated_as_at_noise_level_zero():
    """At noise level 0 tagged tokens and plain ones are the same; above they are not."""
    network = _network()
    inputs, context, mask = _inputs()
    untagged = inputs.map(lambda given: replace(given, tags=None))
    still = torch.zeros(2)
    left, right = (network(x, context, mask, still) for x in (inputs, untagged))
    assert _close(_own(left, inputs), _own(right, inputs)) == [True, True]
    left, right = (network(x, context, mask, SIGMA) for x in (inputs, untagged))
    assert _close(_own(left, inputs), _own(right, inputs), atol=1e-3) == [False, False]


def test_without_references_tags_of_zero_change_nothing():
    network = _network(num_tags=2)
    inputs, context, mask = _inputs()
    zero = inputs.map(lambda given: replace(given, tags=torch.zeros_like(given.tags)))
    plain = inputs.map(lambda given: replace(given, tags=None))
    left = network(zero, context, mask, SIGMA, torch.zeros(2, 5, dtype=torch.long))
    right = network(plain, context, mask, SIGMA)
    assert torch.equal(left.video, right.video)
    assert torch.equal(left.audio, right.audio)


def test_names_bind_tokens_to_words_in_both_branches():
    network = _network(num_tags=2)
    inputs, context, mask = _inputs()
    plain = _own(network(inputs, context, mask, SIGMA, TEXT_TAGS), inputs)
    swapped = torch.tensor([0, 2, 1])
    exchanged = inputs.map(lambda given: replace(given, tags=swapped[given.tags]))
    other = _own(network(exchanged, context, mask, SIGMA, TEXT_TAGS), inputs)
    assert _close(plain, other, atol=1e-3) == [False, False]
    renamed = _own(network(inputs, context, mask, SIGMA, swapped[TEXT_TAGS]), inputs)
    assert _close(plain, renamed, atol=1e-3) == [False, False]
    nameless = _network()
    both = [
        _own(nameless(x, context, mask, SIGMA, tags), inputs)
        for x, tags in ((inputs, TEXT_TAGS), (exchanged, None))
    ]
    assert _close(*both) == [True, True]


def test_a_clean_token_may_stand_anywhere_in_the_sequence():
    network = _network(num_tags=2)
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA, TEXT_TAGS)
    shuffled = inputs.map(
        lambda given: BranchInput(
            tokens=given.tokens.flip(1), positions=given.positions.flip(1), tags=given.tags.flip(1)
        )
    )
    out = network(shuffled, context, mask, SIGMA, TEXT_TAGS)
    assert torch.allclose(out.video.flip(1), plain.video, atol=1e-5)
    assert torch.allclose(out.audio.flip(1), plain.audio, atol=1e-5)


def test_gradients_reach_the_table_of_names():
    network = _network(num_tags=2)
    out = network(*_inputs(), SIGMA, TEXT_TAGS)
    (out.video.square().mean() + out.audio.square().mean()).backward()
    assert (network.tag_table.grad.abs().sum(1) > 0).all()


def test_the_default_network_has_the_names_of_parameters_that_files_have():
    names = set(MMDiT(tiny()).state_dict())
    assert not {name for name in names if "tag" in name}
    assert set(MMDiT(replace(tiny(), num_tags=2)).state_dict()) == names | {"tag_table"}
    fewer = set(MMDiT(replace(tiny(), text_cross_attention=False)).state_dict())
    assert {name.split(".")[3] for name in names - fewer} == {"text_attention"}


def test_without_text_cross_attention_text_is_read_in_self_attention_alone():
    network = _network(text_cross_attention=False)
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    other = network(inputs, torch.randn_like(context), mask, SIGMA)
    assert not torch.allclose(plain.video, other.video, atol=1e-3)


def test_old_audio_is_read_before_it_reads_the_video():
    """With one block, video that reads old audio does not depend on how audio reads video."""
    network = _network(num_dual=0, num_single=1, video_reads="old")
    inputs, context, mask = _inputs()
    before = network(inputs, context, mask, SIGMA)
    with torch.no_grad():
        network.audio.blocks[0].partner_attention.out.weight.add_(0.5)
    after = network(inputs, context, mask, SIGMA)
    assert torch.equal(before.video, after.video)
    assert not torch.allclose(before.audio, after.audio, atol=1e-4)


def test_the_factor_of_the_audio_clock_multiplies_its_seconds():
    factor = float(AUDIO_TOKENS_PER_S) / 4
    network = _network(audio_time_factor=factor)
    plain = _network()
    plain.load_state_dict(network.state_dict())
    inputs, context, mask = _inputs()
    moved = replace(inputs.audio, positions=inputs.audio.positions * factor)
    left = network(inputs, context, mask, SIGMA)
    right = plain(Joint(inputs.video, moved), context, mask, SIGMA)
    assert torch.allclose(left.video, right.video, atol=1e-5)
    assert torch.allclose(left.audio, right.audio, atol=1e-5)


def test_without_channel_concat_given_and_mask_are_not_seen():
    network = _network(channel_concat=False)
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    tokens = inputs.video.tokens.clone()
    tokens[..., tiny().video_out :] += 1
    other = network(Joint(replace(inputs.video, tokens=tokens), inputs.audio), context, mask, SIGMA)
    assert torch.equal(plain.video, other.video)
    tokens[..., 0] += 1
    other = network(Joint(replace(inputs.video, tokens=tokens), inputs.audio), context, mask, SIGMA)
    assert not torch.allclose(plain.video, other.video, atol=1e-3)


@pytest.mark.parametrize(("dual", "single"), [(2, 0), (0, 2)])
def test_pure_streams_read_the_text(dual, single):
    network = _network(num_dual=dual, num_single=single)
    inputs, context, mask = _inputs()
    plain = network(inputs, context, mask, SIGMA)
    other = network(inputs, torch.randn_like(context), mask, SIGMA)
    assert not torch.allclose(plain.video, other.video, atol=1e-3)
