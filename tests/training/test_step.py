from dataclasses import replace

import pytest
import torch

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.training.batch import TrainingBatch
from openreels.training.step import training_step


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
    silent = training_step(MMDiT(model_config), batch, truth_weight=1.0)
    assert silent.truths == Joint(None, None)
    torch.manual_seed(0)
    network = MMDiT(replace(model_config, truth_block=1, video_truths=4, audio_truths=4))
    losses = [training_step(network, batch, truth_weight=weight) for weight in (0.0, 0.5)]
    told = losses[0].truths.video + losses[0].truths.audio
    torch.testing.assert_close(losses[1].total - losses[0].total, 0.5 * told)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = training_step(network, batch, truth_weight=1.0)
        loss.total.backward()
        optimizer.step()
    assert loss.truths.video + loss.truths.audio < 0.3 * told
