import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.weights.checkpoint import load_network, read_network_header, save_network
from openreels.weights.lora import read_lora, read_lora_header, save_lora
from openreels.weights.packing import pack_file
from openreels.weights.tensors import write_tensors


def _network():
    return MMDiT(presets.tiny(), generator=torch.Generator().manual_seed(1))


def test_a_network_is_smaller_and_nearly_itself(tmp_path):
    half, small = tmp_path / "half.safetensors", tmp_path / "small.safetensors"
    save_network(half, _network(), metadata={"recipe": "r"}, dtype=torch.float16)
    pack_file(half, small)
    assert small.stat().st_size < 0.75 * half.stat().st_size
    assert read_network_header(small) == read_network_header(half)
    before, after = load_network(half, kind=MMDiT), load_network(small, kind=MMDiT)
    for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True):
        assert (one - other).norm() <= 0.01 * one.norm(), name
    pack_file(small, tmp_path / "again.safetensors")
    again = load_network(tmp_path / "again.safetensors", kind=MMDiT)
    for one, other in zip(after.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_low_rank_changes_stay_what_they_are(tmp_path):
    network = _network()
    name = next(n for n, m in network.named_modules() if isinstance(m, torch.nn.Linear))
    rows, columns = network.get_submodule(name).weight.shape
    factors = {
        f"{name}.lora_A.weight": torch.randn(16, columns),
        f"{name}.lora_B.weight": torch.randn(rows, 16),
    }
    full, small = tmp_path / "full.safetensors", tmp_path / "small.safetensors"
    save_lora(full, network, factors, LowRankConfig(rank=16), metadata={"steps": 3})
    pack_file(full, small)
    assert read_lora_header(small) == read_lora_header(full)
    read, _ = read_lora(small)
    assert read.keys() == factors.keys()
    for key, tensor in factors.items():
        assert (read[key].float() - tensor).norm() <= 0.01 * tensor.norm()


def test_what_holds_no_weights_is_refused(tmp_path):
    other, out = tmp_path / "other.safetensors", tmp_path / "out.safetensors"
    write_tensors(other, {"a": torch.ones(2)}, {})
    for source in (other, tmp_path / "none.safetensors"):
        with pytest.raises(CheckpointError):
            pack_file(source, out)
    assert not out.exists()
