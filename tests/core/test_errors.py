import pytest

from openreels.core import errors
from openreels.core.errors import CheckpointError, MediaError, MissingExtraError
from openreels.media.files import check_readable
from openreels.weights.checkpoint import load_network


@pytest.mark.parametrize("kind", [MediaError, CheckpointError])
def test_own_errors_are_value_errors_that_keep_their_message(kind):
    with pytest.raises(ValueError, match=r"^what was wrong$") as caught:
        raise kind("what was wrong")
    assert type(caught.value) is kind


def test_one_kind_of_error_is_not_caught_as_the_other():
    assert not issubclass(MediaError, CheckpointError)
    assert not issubclass(CheckpointError, MediaError)
    own = {value for value in vars(errors).values() if isinstance(value, type)}
    assert own == {MediaError, CheckpointError, MissingExtraError}


def test_a_missing_extra_is_an_import_error():
    assert issubclass(MissingExtraError, ImportError)
    assert not issubclass(MissingExtraError, ValueError)


def test_rooms_raise_the_kind_that_says_what_was_wrong(tmp_path):
    with pytest.raises(CheckpointError):
        load_network(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="broken"):
        load_network(broken)
    with pytest.raises(MediaError, match="none"):
        check_readable(tmp_path / "none.mp4")
