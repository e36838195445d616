import pytest
import torch

from openreels.weights.tensors import (
    as_dtype,
    read_header,
    read_tensors,
    write_atomic,
    write_tensors,
)


def test_tensors_and_header_round_trip_bitwise(tmp_path):
    path = tmp_path / "state.safetensors"
    base = torch.randn(4, 6)
    tensors = {"a": base, "tied": base, "turned": base.T, "steps": torch.arange(3)}
    header = {"step": 12, "name": "ü", "nested": {"x": [1.5, None]}}
    write_tensors(path, tensors, header)
    read, read_back = read_tensors(path)
    assert read_back == header == read_header(path)
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "state.safetensors"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "text")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


def test_only_floating_tensors_change_type():
    out = as_dtype({"a": torch.ones(1), "b": torch.ones(1, dtype=torch.int32)}, torch.float16)
    assert (out["a"].dtype, out["b"].dtype) == (torch.float16, torch.int32)
    assert as_dtype({"a": torch.ones(1)}, None)["a"].dtype == torch.float32
