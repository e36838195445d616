import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.errors import CheckpointError
from openreels.weights.int8 import SCALE, pack, unpack
from openreels.weights.tensors import read_header, read_tensors, stored_types, write_tensors


@given(
    st.integers(0, 2**31),
    st.integers(1, 9),
    st.integers(16, 40),
    st.sampled_from([1e-4, 1e-2, 1.0, 100.0]),
)
def test_every_number_is_off_by_at_most_half_a_step_of_its_row(seed, rows, columns, size):
    draw = torch.Generator().manual_seed(seed)
    matrix = size * torch.randn(rows, columns, generator=draw)
    packed = pack({"a": matrix})
    assert packed["a"].dtype == torch.int8
    made = unpack(packed)["a"].float()
    step = matrix.abs().amax(1, keepdim=True) / 127
    rounding = made.abs() * 2**-11 + 2**-25  # half precision of what is read, at its worst
    assert ((made - matrix).abs() <= 0.501 * step + rounding).all()


def test_the_codes_are_those_of_the_definition():
    matrix = torch.zeros(2, 16)
    matrix[0, :3] = torch.tensor([2.54, -1.245, 0.033])  # steps of 0.02
    packed = pack({"a": matrix})
    assert packed["a"][0, :4].tolist() == [127, -62, 2, 0]
    assert packed["a" + SCALE].tolist() == pytest.approx([0.02, 0.0])
    assert torch.equal(unpack(packed)["a"][1], torch.zeros(16, dtype=torch.float16))


def test_packing_again_changes_nothing():
    matrix = torch.randn(50, 64, 3, generator=torch.Generator().manual_seed(3))
    once = pack({"a": matrix})
    twice = pack(unpack(once))
    assert torch.equal(once["a"], twice["a"])
    torch.testing.assert_close(once["a" + SCALE], twice["a" + SCALE], rtol=1e-3, atol=0)


def test_vectors_narrow_matrices_and_whole_numbers_are_kept():
    given_ = {"bias": torch.randn(64), "narrow": torch.randn(5, 15), "count": torch.arange(20)}
    packed = pack(given_)
    assert packed.keys() == given_.keys()
    assert torch.equal(packed["bias"], given_["bias"].half())
    assert torch.equal(packed["narrow"], given_["narrow"].half())
    assert torch.equal(packed["count"], given_["count"])


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_and_nothing_is_written(tmp_path, odd):
    matrix = torch.ones(2, 16)
    matrix[1, 3] = odd
    with pytest.raises(ValueError, match="only finite numbers, got others in a"):
        write_tensors(tmp_path / "a.safetensors", {"a": matrix}, {}, packed=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="kept for scales"):
        pack({"a" + SCALE: torch.ones(2)})


def test_a_file_is_read_as_if_it_had_not_been_packed(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"a": torch.randn(3, 32), "b": torch.randn(7)}
    write_tensors(path, tensors, {"format": 1}, packed=True)
    read, header = read_tensors(path)
    assert header == read_header(path) == {"format": 1}
    assert stored_types(path) == ("F16", "F32", "I8")
    expected = unpack(pack(tensors))
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[name], expected[name]) for name in read)


def test_another_packing_and_lost_matrices_are_told(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.ones(2)}, {"packing": "four bits"})
    with pytest.raises(CheckpointError, match="is packed as 'four bits'"):
        read_tensors(path)
    write_tensors(path, {"a" + SCALE: torch.ones(2)}, {"packing": "int8 rows"})
    with pytest.raises(CheckpointError, match="scales that fit no matrix"):
        read_tensors(path)
