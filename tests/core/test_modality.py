import dataclasses

import pytest
import torch

from openreels.core.modality import BranchInput

TOKENS, PLACES = torch.randn(2, 5, 8), torch.rand(2, 5, 3)


def test_all_tokens_may_be_attended_unless_told():
    branch = BranchInput(tokens=TOKENS, positions=PLACES)
    assert branch.attendable is None
    assert branch.tokens is TOKENS
    assert branch.positions is PLACES


def test_it_is_frozen_and_has_no_room_for_more():
    branch = BranchInput(tokens=TOKENS, positions=PLACES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        branch.tokens = PLACES
    assert not hasattr(branch, "__dict__")
    mask = torch.tensor([True, True, False, True, True]).expand(2, -1)
    masked = dataclasses.replace(branch, attendable=mask)
    assert masked.attendable is mask
    assert branch.attendable is None


def test_fields_are_named():
    with pytest.raises(TypeError):
        BranchInput(TOKENS, PLACES)
    with pytest.raises(TypeError):
        BranchInput(tokens=TOKENS)
