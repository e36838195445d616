from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.training.batch import TrainingBatch
from openreels.training.shot_truth import NUM_SHOT_TRUTHS
from openreels.training.step import Objective, training_step
from openreels.training.truth import NUM_CELL_TRUTHS, NUM_LOOKS


def make(model_config, *, video=True, audio=True):
    source = torch.Generator().manual_seed(0)
    shapes = {"video": (3, 12, 132, 64, 3), "audio": (3, 10, 4, 4, 1)}
    inputs, targets, truths = {}, {}, {}
    for name, wanted in (("video", video), ("audio", audio)):
        b, n, p_in, p_out, axes = shapes[name]
        inputs[name] = targets[name] = truths[name] = None
        if wanted:
            tokens = torch.randn(b, n, p_in, generator=source)
            inputs[name] = BranchInput(
                tokens=tokens, positions=torch.rand(b, n, axes, generator=source)
            )
            targets[name] = torch.randn(b, n, p_out, generator=source)
            truths[name] = torch.rand(b, n, 4, generator=source).round()
    return TrainingBatch(
        inputs=Joint(**inputs),
        targets=Joint(**targets),
        truths=Joint(**truths),
        context=torch.randn(3, 5, 32, generator=source),
        context_mask=torch.ones(3, 5, dtype=torch.bool),
        sigma=torch.tensor([0.1, 0.5, 0.9]),
        tasks=("t2av",) * 3,
    )


def test_a_new_network_predicts_nothing_so_the_loss_is_the_targets_power(model_config):
    batch = make(model_config)
    loss = training_step(MMDiT(model_config), batch)
    for part, target in ((loss.parts.video, batch.targets.video),
                         (loss.parts.audio, batch.targets.audio)):  # fmt: skip
        torch.testing.assert_close(part, target.square().mean((1, 2)))
    total = batch.targets.video.square().mean() + batch.targets.audio.square().mean()
    torch.testing.assert_close(loss.total, total)


@pytest.mark.parametrize("absent", ["video", "audio"])
def test_an_absent_branch_adds_nothing_and_learns_nothing(model_config, absent):
    batch = make(model_config, **{absent: False})
    network = MMDiT(model_config)
    loss = training_step(network, batch)
    assert getattr(loss.parts, absent) is None
    present = "audio" if absent == "video" else "video"
    torch.testing.assert_close(loss.total, getattr(loss.parts, present).mean())
    loss.total.backward()
    assert all(p.grad is None for p in getattr(network, absent).parameters())
    assert getattr(network, present).head.out.weight.grad.abs().sum() > 0


def test_what_tokens_tell_is_weighed_beside_the_velocity_and_can_be_learned(model_config):
    batch = make(model_config)
    silent = training_step(MMDiT(model_config), batch, Objective(truth_weight=1.0))
    assert silent.truths == Joint(None, None)
    torch.manual_seed(0)
    network = MMDiT(replace(model_config, truth_block=1, video_truths=4, audio_truths=4))
    losses = [
        training_step(network, batch, Objective(truth_weight=weight)) for weight in (0.0, 0.5)
    ]
    told = losses[0].truths.video + losses[0].truths.audio
    torch.testing.assert_close(losses[1].total - losses[0].total, 0.5 * told)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = training_step(network, batch, Objective(truth_weight=1.0))
        loss.total.backward()
        optimizer.step()
    assert loss.truths.video + loss.truths.audio < 0.3 * told


def test_contacts_and_onsets_weigh_what_they_are_told_to(model_config):
    torch.manual_seed(0)
    cells = 4 * NUM_CELL_TRUTHS
    config = replace(model_config, truth_block=1, video_truths=cells, audio_truths=4)
    network = MMDiT(config)
    plain = make(model_config)
    told = Joint(torch.rand(*plain.truths.video.shape[:2], cells), plain.truths.audio)
    batch = replace(plain, truths=told)
    one, five = (
        training_step(network, batch, Objective(contact_weight=w)).truths for w in (1.0, 5.0)
    )
    torch.testing.assert_close(five.audio, 5 * one.audio)
    logits = network.with_truths(batch.inputs, batch.context, batch.context_mask, batch.sigma)[1]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.video, told.video, reduction="none"
    )
    weights = torch.ones(NUM_CELL_TRUTHS)
    weights[NUM_LOOKS:] = 5.0
    torch.testing.assert_close(five.video, (entropy * weights.repeat(4)).mean())


def test_truths_of_shots_have_a_mean_of_their_own(model_config):
    torch.manual_seed(0)
    wide = NUM_CELL_TRUTHS + NUM_SHOT_TRUTHS
    config = replace(model_config, truth_block=1, video_truths=4 * wide, audio_truths=4)
    network = MMDiT(config)
    plain = make(model_config)
    told = Joint(torch.rand(*plain.truths.video.shape[:2], 4 * wide), plain.truths.audio)
    batch = replace(plain, truths=told)
    logits = network.with_truths(batch.inputs, batch.context, batch.context_mask, batch.sigma)[1]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.video, told.video, reduction="none"
    ).unflatten(-1, (4, wide))
    cells, shots = entropy[..., :NUM_CELL_TRUTHS], entropy[..., NUM_CELL_TRUTHS:]
    weights = torch.ones(NUM_CELL_TRUTHS)
    for weight in (1.0, 5.0):
        weights[NUM_LOOKS:] = weight
        got = training_step(network, batch, Objective(contact_weight=weight)).truths.video
        torch.testing.assert_close(got, (cells * weights).mean() + weight * shots.mean())


def _beside(batch, count=5, references=0):
    """The batch with tokens of references before and of keyframes behind the clip."""
    clip, b = batch.inputs.video, batch.targets.video.shape[0]
    source = torch.Generator().manual_seed(1)
    sizes = [(b, n, width) for width in (132, 3) for n in (references, count)]
    made = [torch.randn(size, generator=source) for size in sizes]
    video = BranchInput(
        tokens=torch.cat([made[0], clip.tokens, made[1]], 1),
        positions=torch.cat([made[2], clip.positions, made[3]], 1),
        grid_start=references,
    )
    targets = torch.randn(b, count, 64, generator=source)
    return replace(batch, inputs=Joint(video, batch.inputs.audio), keyframe_targets=targets)


def test_the_error_at_keyframes_is_a_term_of_its_own(model_config):
    plain = make(model_config)
    batch = _beside(plain)
    losses = [
        training_step(MMDiT(model_config), batch, Objective(keyframe_weight=weight))
        for weight in (0.0, 2.0)
    ]
    power = batch.keyframe_targets.square().mean((1, 2))
    torch.testing.assert_close(losses[1].keyframes, power)
    torch.testing.assert_close(losses[1].total - losses[0].total, 2 * power.mean())
    alone = training_step(MMDiT(model_config), plain)
    assert alone.keyframes is None
    torch.testing.assert_close(losses[0].parts.video, alone.parts.video)


def test_clip_and_keyframes_are_found_between_references_and_the_end(model_config):
    config = replace(model_config, truth_block=1, video_truths=4, audio_truths=4)
    network = MMDiT(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = _beside(make(model_config), references=3)
    (velocity, told) = network.with_truths(
        batch.inputs, batch.context, batch.context_mask, batch.sigma
    )
    loss = training_step(network, batch)
    clip = (velocity.video[:, 3:15] - batch.targets.video).square().mean((1, 2))
    behind = (velocity.video[:, 15:] - batch.keyframe_targets).square().mean((1, 2))
    torch.testing.assert_close(loss.parts.video, clip)
    torch.testing.assert_close(loss.keyframes, behind)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        told.video[:, 3:15], batch.truths.video
    )
    torch.testing.assert_close(loss.truths.video, entropy)
