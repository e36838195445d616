"""Training low-rank changes: the base stays, a run resumes, and what is exported is what learnt."""

import json
from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig, low_rank_factors
from openreels.pipelines.fast import FAST_LORA_FILE, mark_of
from openreels.pipelines.low_rank import REFERENCES_FILE, add_lora
from openreels.training.distill_config import DistillConfig
from openreels.training.export import export_file
from openreels.training.loop import STATE_FILE, build_state, train
from openreels.weights.checkpoint import load_network, save_network
from openreels.weights.lora import add_changes, read_lora, read_lora_header
from openreels.weights.tensors import read_tensors


@pytest.fixture
def lora_run(run_config, model_config, tmp_path):
    network = MMDiT(model_config, generator=torch.Generator().manual_seed(0))
    save_network(tmp_path / "base.safetensors", network)
    return replace(run_config, init="base.safetensors", lora=LowRankConfig(rank=2, alpha=2.0))


def test_an_interrupted_run_is_bitwise_the_whole_one(lora_run, whole_and_parts, tmp_path):
    result, config = whole_and_parts(lora_run)
    assert result.export == tmp_path / "parts" / "lora.safetensors"
    other = replace(lora_run.lora, rank=1)
    with pytest.raises(CheckpointError, match="another lora"):
        train(replace(config, lora=other), tmp_path, tensorboard=False)


def test_the_file_with_the_base_is_the_average_that_learnt(lora_run, tmp_path):
    lora_run = replace(
        lora_run,
        steps=40,
        log_every=8,
        optim=replace(lora_run.optim, lr=1e-2, warmup_steps=1, ema_decays=(0.5, 0.9)),
    )
    result = train(lora_run, tmp_path, tensorboard=False)
    assert (tmp_path / "test" / "lora-ema0.9.safetensors").exists()
    header = read_lora_header(result.export)
    assert (header.config, header.metadata["steps"]) == (lora_run.lora, 40)
    base = load_network(tmp_path / "base.safetensors", kind=MMDiT)
    merged = load_network(tmp_path / "base.safetensors", kind=MMDiT)
    add_changes(merged, *read_lora(result.export), source=result.export)
    state = read_tensors(tmp_path / "test" / STATE_FILE)[0]
    for name, layer in base.named_modules():
        if not isinstance(layer, torch.nn.Linear):
            continue
        factors = f"average0/{name}.parametrizations.weight.0"
        if f"{factors}.up" in state:
            change = state[f"{factors}.up"] @ state[f"{factors}.down"]
            got = merged.get_submodule(name).weight - layer.weight
            torch.testing.assert_close(got, change, rtol=1e-2, atol=1e-4)
            kept = state[f"network/{name}.parametrizations.weight.original"]
            assert torch.equal(kept, layer.weight)
    lines = (tmp_path / "test" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses[-1] < losses[0]


def test_names_of_references_may_be_new_and_a_run_starts_where_another_ended(lora_run, tmp_path):
    lora = replace(lora_run.lora, layers=("video.",), whole=("tag_table",))
    seen = replace(lora_run.tasks, mix=(("t2av", 1.0),))
    named = replace(lora_run, model=replace(lora_run.model, num_tags=3), lora=lora, tasks=seen)
    first = train(named, tmp_path, tensorboard=False)
    tensors, header = read_lora(first.export)
    assert first.export == tmp_path / "test" / REFERENCES_FILE
    assert (tensors["tag_table"].shape[0], header.config) == (3, lora)
    assert all(name.startswith(("video.", "tag_table")) for name in tensors)
    second = build_state(replace(named, init_lora=f"test/{REFERENCES_FILE}"), tmp_path)
    now = low_rank_factors(second.network.state_dict(), lora.whole)
    for name, value in tensors.items():
        torch.testing.assert_close(now[name], value.float())
    base = load_network(tmp_path / "base.safetensors", kind=MMDiT)
    add_lora(base, first.export)
    assert base.config.num_tags == 3
    torch.testing.assert_close(base.tag_table, now["tag_table"])
    deaf = replace(named, name="deaf", tasks=replace(seen, mix=(("t2a", 1.0),)))
    with pytest.raises(ValueError, match="trains nothing"):
        train(deaf, tmp_path, tensorboard=False)
    other = replace(named, init_lora=f"test/{REFERENCES_FILE}", lora=replace(lora, rank=3))
    with pytest.raises(ValueError, match="changes must have the layers and the rank of the run"):
        build_state(other, tmp_path)


def test_distilled_changes_say_so_and_are_named_for_mode_fast(lora_run, tmp_path):
    config = replace(
        lora_run,
        distill=DistillConfig(teacher="base.safetensors", num_steps=2, teacher_steps=1),
        tasks=replace(lora_run.tasks, text_dropout=0.0),
        truth_weight=0.0,
    )
    result = train(config, tmp_path, tensorboard=False)
    assert result.export == tmp_path / "test" / FAST_LORA_FILE
    assert mark_of(result.export) == config.distill.mark
    assert export_file(config) == FAST_LORA_FILE
    assert export_file(replace(config, lora=None)) == "mmdit-fast.safetensors"
    assert export_file(replace(config, lora=None, distill=None)) == "mmdit.safetensors"


def test_only_factors_are_in_the_optimiser(lora_run, tmp_path):
    state = build_state(lora_run, tmp_path)
    trained = sum(p.numel() for group in state.optimizer.param_groups for p in group["params"])
    factors = [p for n, p in state.network.named_parameters() if n.endswith((".up", ".down"))]
    assert trained == sum(p.numel() for p in factors if p.requires_grad) > 0
    assert trained == sum(p.numel() for p in state.network.parameters() if p.requires_grad)


def test_the_base_must_have_all_that_the_run_has(lora_run, tmp_path):
    grown = replace(lora_run.model, num_tags=3)
    config = replace(lora_run, model=grown)
    with pytest.raises(CheckpointError, match="init must have the config of the run"):
        build_state(config, tmp_path)


@pytest.mark.parametrize("fields", [{"init": None}, {"trained": "audio"}])
def test_changes_are_of_all_of_a_given_base(lora_run, fields):
    with pytest.raises(ValueError, match="lora changes all of a base that is given"):
        replace(lora_run, **fields)
