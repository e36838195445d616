import torch

from openreels.core.products import takes_bf16


def test_what_is_asked_for_is_taken_and_auto_asks_the_processor():
    assert takes_bf16("bf16")
    assert not takes_bf16("fp32")
    assert takes_bf16("auto") == takes_bf16() == torch.cpu._is_avx512_bf16_supported()
