from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.low_rank import add_lora
from openreels.training.loop import train
from openreels.training.shot_truth import NUM_SHOT_TRUTHS
from openreels.training.start import HEARD_TRUTHS, SEEN_TRUTHS, start_as, start_from
from openreels.training.truth import NUM_CELL_TRUTHS, NUM_ONSET_TRUTHS
from openreels.training.voice_truth import NUM_VOICE_TRUTHS
from openreels.weights.checkpoint import save_network
from openreels.weights.lora import read_lora

MORE = NUM_ONSET_TRUTHS + NUM_VOICE_TRUTHS


@pytest.fixture
def told(run_config):
    """A run whose audio tokens tell onsets alone, and a network of it that was trained."""
    run = replace(
        run_config,
        model=replace(
            run_config.model,
            truth_block=1,
            audio_truth_block=1,
            audio_truths=NUM_ONSET_TRUTHS,
        ),
    )
    network = MMDiT(run.model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.05)
    return run, network


def test_more_truths_of_the_audio_come_after_those_of_the_start(told):
    run, start = told
    run = replace(run, model=replace(run.model, audio_truths=MORE), init="unread")
    network = MMDiT(run.model)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    start_as(network, start, run)
    for name, value in network.state_dict().items():
        known = start.state_dict()[name]
        assert torch.equal(value[: len(known)], known)
        if name in HEARD_TRUTHS:
            assert torch.equal(value[len(known) :], before[name][len(known) :])
    frozen = replace(run, lora=LowRankConfig(rank=2))
    with pytest.raises(CheckpointError, match="more audio_truths where these are trained"):
        start_as(network, start, frozen)
    with pytest.raises(CheckpointError, match="init must have the config"):
        start_as(start, network, replace(told[0], init="unread"))


@pytest.mark.parametrize("patch", [1, 2])
def test_more_truths_of_the_video_need_tokens_of_one_cell(run_config, patch):
    cells = patch**2
    model = replace(
        run_config.model,
        video_in=33 * cells,
        video_out=16 * cells,
        near_width=8,
        truth_block=1,
        video_truths=NUM_CELL_TRUTHS * cells,
    )
    start = MMDiT(model)
    more = replace(model, video_truths=(NUM_CELL_TRUTHS + NUM_SHOT_TRUTHS) * cells)
    network, run = MMDiT(more), replace(run_config, model=more, init="unread")
    if patch == 2:
        with pytest.raises(CheckpointError, match="video_truths where these are and patch is 1"):
            start_as(network, start, run)
        return
    start_as(network, start, run)
    longer = 0
    for name, value in network.state_dict().items():
        known = start.state_dict()[name]
        assert torch.equal(value[: len(known)], known)
        longer += len(value) > len(known)
    assert longer == 2 * len(SEEN_TRUTHS)
    frozen = replace(run, lora=LowRankConfig(rank=2, whole=HEARD_TRUTHS))
    with pytest.raises(CheckpointError, match="video_truths where these are and patch is 1"):
        start_as(network, start, frozen)


def test_what_reads_truths_is_trained_beside_low_rank_changes_and_not_written(told, tmp_path):
    run, start = told
    save_network(tmp_path / "start.safetensors", start)
    run = replace(
        run,
        model=replace(run.model, audio_truths=MORE),
        init="start.safetensors",
        tasks=replace(run.tasks, mix=(("t2a", 1.0),)),
        lora=LowRankConfig(rank=2, layers=("audio.",), whole=HEARD_TRUTHS),
    )
    result = train(run, tmp_path, tensorboard=False)
    tensors, header = read_lora(result.export)
    assert header.config.whole == ()
    assert not any(".truth." in name for name in tensors)
    add_lora(start, result.export)  # fits the network that tells less
    again = replace(run, name="again", init_lora=str(result.export), steps=1)
    assert train(again, tmp_path, tensorboard=False).step == 1


def test_what_two_networks_share_is_copied(told):
    run, base = told
    other = MMDiT(replace(run.model, audio_truths=0))
    count = start_from(other, base)
    assert count == sum(value.numel() for value in other.state_dict().values())
