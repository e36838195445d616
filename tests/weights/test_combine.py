from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.models.video_vae import presets as vae_presets
from openreels.models.video_vae.model import VideoVAE
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.low_rank import NAMES, add_lora
from openreels.weights.checkpoint import save_network
from openreels.weights.combine import combine_files
from openreels.weights.lora import read_lora, read_lora_header, save_lora, write_lora

BIAS = "video.token_in.bias"


def _network(**changes):
    config = replace(presets.tiny(), **changes)
    return MMDiT(config, generator=torch.Generator().manual_seed(0))


def _linear(network):
    return [n for n, m in network.named_modules() if isinstance(m, torch.nn.Linear)][:2]


def _saved(path, seed, *, layers, rank=2, alpha=2.0, whole=(BIAS,), metadata=None):
    """Changes of layers with small numbers, which half precision keeps."""
    network = _network(num_tags=4) if NAMES in whole else _network()
    draw = torch.Generator().manual_seed(seed)
    factors = {}
    for name in layers:
        rows, columns = network.get_parameter(f"{name}.weight").shape
        factors[f"{name}.lora_A.weight"] = torch.randn(rank, columns, generator=draw)
        factors[f"{name}.lora_B.weight"] = torch.randn(rows, rank, generator=draw)
    for name in whole:
        shape = network.get_parameter(name).shape
        factors[name] = torch.randn(shape, generator=draw)
    config = LowRankConfig(rank=rank, alpha=alpha, whole=whole)
    save_lora(path, network, factors, config, metadata=metadata)
    return path


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.safetensors"
    save_network(path, _network(), dtype=torch.float32)
    return path


def _added(*files):
    """Weights of the base with files in parts, one after the other by what they change."""
    before = _network().state_dict()
    sums = {name: value.double() for name, value in before.items()}
    for path, scale in files:
        network = _network()
        add_lora(network, path, scale=scale)
        for name, value in network.state_dict().items():
            if name in before:
                sums[name] = sums[name] + value.double() - before[name].double()
    return sums


def test_a_sum_changes_the_base_as_its_parts_do_together(tmp_path, base):
    one, two = _linear(_network())
    first = _saved(tmp_path / "a.safetensors", 1, layers=(one, two))
    second = _saved(tmp_path / "b.safetensors", 2, layers=(one,), rank=3, alpha=1.5)
    out = tmp_path / "sum.safetensors"
    combine_files(base, ((first, 0.9), (second, -0.5)), out, rank=5)
    assert read_lora_header(out).config == LowRankConfig(rank=5, alpha=5.0, whole=(BIAS,))
    wanted = _added((first, 0.9), (second, -0.5))
    network = _network()
    add_lora(network, out)
    changed = 0
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value.double(), wanted[name], atol=2e-2, rtol=2e-3)
        changed += not torch.allclose(value, _network().state_dict()[name])
    assert changed == 3


def test_the_largest_singular_values_are_kept(tmp_path, base):
    (one, _) = _linear(_network())
    first = _saved(tmp_path / "a.safetensors", 1, layers=(one,), rank=4, alpha=4.0)
    out = tmp_path / "sum.safetensors"
    combine_files(base, ((first, 1.0),), out, rank=2)
    tensors, _ = read_lora(first)
    whole = tensors[f"{one}.lora_B.weight"].double() @ tensors[f"{one}.lora_A.weight"].double()
    kept, _ = read_lora(out)
    made = kept[f"{one}.lora_B.weight"].double() @ kept[f"{one}.lora_A.weight"].double()
    values = torch.linalg.svdvals(whole)
    assert float((whole - made).norm()) == pytest.approx(float(values[2:].norm()), rel=1e-3)


def test_a_larger_rank_than_there_is_adds_nothing(tmp_path, base):
    (one, _) = _linear(_network())
    first = _saved(tmp_path / "a.safetensors", 1, layers=(one,))
    combine_files(base, ((first, 1.0),), tmp_path / "sum.safetensors", rank=6)
    tensors, _ = read_lora(tmp_path / "sum.safetensors")
    assert tensors[f"{one}.lora_A.weight"].shape[0] == 6
    assert not tensors[f"{one}.lora_A.weight"][2:].any()
    assert not tensors[f"{one}.lora_B.weight"][:, 2:].any()


def test_names_stay_where_all_have_them(tmp_path, base):
    (one, _) = _linear(_network())
    named = _saved(tmp_path / "a.safetensors", 1, layers=(one,), whole=(NAMES, BIAS))
    plain = _saved(tmp_path / "b.safetensors", 2, layers=(one,))
    out = tmp_path / "sum.safetensors"
    combine_files(base, ((named, 0.5),), out)
    assert torch.allclose(read_lora(out)[0][NAMES], 0.5 * read_lora(named)[0][NAMES], atol=1e-3)
    combine_files(base, ((named, 0.5), (plain, 1.0)), out)
    assert read_lora_header(out).config.whole == (BIAS,)
    assert NAMES not in read_lora(out)[0]


def test_the_story_names_the_parts(tmp_path, base):
    (one, _) = _linear(_network())
    paths = []
    for seed, taught in enumerate((["edit"], ["motion", "edit"])):
        told = {"steps": seed, "taught": taught}
        path = tmp_path / f"{seed}.safetensors"
        paths.append(_saved(path, seed, layers=(one,), metadata=told))
    combine_files(base, [(path, 0.5) for path in paths], tmp_path / "sum.safetensors")
    told = read_lora_header(tmp_path / "sum.safetensors").metadata
    assert told["taught"] == ["edit", "motion"]
    assert [(part["steps"], part["share"]) for part in told["sum_of"]] == [(0, 0.5), (1, 0.5)]


def test_what_has_no_sum_is_refused_and_nothing_is_written(tmp_path, base):
    (one, _) = _linear(_network())
    first, out = _saved(tmp_path / "a.safetensors", 1, layers=(one,)), tmp_path / "sum.safetensors"
    with pytest.raises(ValueError, match="at least one file"):
        combine_files(base, (), out)
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        combine_files(base, ((first, 1.0),), out, rank=0)
    with pytest.raises(CheckpointError, match="hold low-rank changes"):
        combine_files(base, ((base, 1.0),), out)
    other = tmp_path / "vae.safetensors"
    save_network(other, VideoVAE(vae_presets.tiny()), dtype=torch.float32)
    with pytest.raises(CheckpointError, match="changes the network mmdit, got video_vae"):
        combine_files(other, ((first, 1.0),), out)
    wide = tmp_path / "wide.safetensors"
    save_network(wide, _network(mlp_width=96), dtype=torch.float32)
    inner = next(name for name, _ in _network().named_modules() if name.endswith("mlp.up"))
    second = _saved(tmp_path / "b.safetensors", 2, layers=(inner,))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        combine_files(wide, ((second, 1.0),), out)
    short = tmp_path / "short.safetensors"
    header = replace(read_lora_header(first), config=LowRankConfig(whole=(BIAS, NAMES)))
    write_lora(short, read_lora(first)[0], header)
    with pytest.raises(CheckpointError, match=f"{NAMES} must be one of its parameters"):
        combine_files(base, ((short, 1.0),), out)
    assert not out.exists()


def test_a_layer_that_one_file_holds_as_a_whole_keeps_the_changes_of_another(tmp_path, base):
    (one, _) = _linear(_network())
    low = _saved(tmp_path / "a.safetensors", 1, layers=(one,))
    whole = _saved(tmp_path / "b.safetensors", 2, layers=(), whole=(f"{one}.weight",))
    out = tmp_path / "sum.safetensors"
    combine_files(base, ((low, 0.5), (whole, 1.0)), out)
    network = _network()
    add_lora(network, out)
    wanted = _added((low, 0.5), (whole, 1.0))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value.double(), wanted[name], atol=2e-2, rtol=2e-3)
