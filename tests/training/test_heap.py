import sys
from pathlib import Path

import pytest
import torch

from openreels.training.heap import trim_heap


def _resident():
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another heap")
def test_freed_memory_between_used_memory_goes_back():
    block = 64 * 1024
    kept = [torch.ones(block // 4) for _ in range(4096)]
    full = _resident()
    for index in range(0, len(kept), 2):
        kept[index] = torch.ones(1)
    assert trim_heap()
    assert full - _resident() > 1024 * block
    assert all(float(one.min()) == 1 for one in kept)
