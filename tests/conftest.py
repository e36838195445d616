"""One thread, fixed seeds and no network for the whole suite."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

settings.register_profile("openreels", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("openreels")


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
