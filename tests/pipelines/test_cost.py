import weakref
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import PRESETS, stage, tiny
from openreels.nn.cubes import SparsePattern
from openreels.nn.sparse_attention import sparse_attend
from openreels.pipelines.cost import (
    Flops,
    Lengths,
    activation_bytes,
    forward_flops,
    num_parameters,
    sparse_flops,
)


def _fused(query, key, value, *_, **__):
    return sdpa_flop_count(query, key, value)


FUSED_ON_CPU = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused}


def _inputs(config, lengths, rows=1):
    def branch(count, channels, axes):
        if not count:
            return None
        positions = torch.rand(rows, count, axes)
        tokens = torch.randn(rows, count, channels)
        return BranchInput(tokens=tokens, positions=positions, grid=(1, count, 1))

    return (
        Joint(
            branch(lengths.video, config.video_in, 3),
            branch(lengths.audio, config.audio_channels, 1),
        ),
        torch.randn(rows, lengths.text, config.context_width),
        torch.ones(rows, lengths.text, dtype=torch.bool),
        torch.rand(rows),
    )


def _counted(config, lengths, rows=1):
    """Operations by the last names of the modules they are done in, and in all."""
    network = MMDiT(config)
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=FUSED_ON_CPU) as counter:
        network(*_inputs(config, lengths, rows))
    by_name = Counter()
    for path, counts in counter.get_flop_counts().items():
        by_name[path.rpartition(".")[2]] += sum(counts.values())
    return by_name, counter.get_total_flops()


CONFIGS = {
    "named": replace(tiny(), num_tags=3, text_cross_attention=False),
    "tiny": tiny(),
    "single": replace(tiny(), num_dual=0, num_single=2),
    "dual, linear": replace(tiny(), num_dual=2, modulation="linear", mlp_width=40),
    "near": replace(tiny(), near_width=6, near_depth=2, video_truths=5),
    "truths": replace(tiny(), truth_block=1, video_truths=6, audio_truths=3, skip=True),
}
LENGTHS = [
    Lengths(video=24, audio=11, text=5),
    Lengths(video=7, audio=0, text=3),
    Lengths(video=0, audio=13, text=1),
    Lengths(video=1, audio=1, text=9),
]


@pytest.mark.parametrize("lengths", LENGTHS, ids=lambda x: f"{x.video}-{x.audio}-{x.text}")
@pytest.mark.parametrize("name", CONFIGS)
def test_operations_are_those_of_the_network_exactly(name, lengths):
    config = CONFIGS[name]
    counted, total = _counted(config, lengths)
    flops = forward_flops(config, lengths)
    assert flops.total == total
    assert flops.mlp == counted["mlp"]
    assert flops.text_attention == counted["text_attention"]
    assert flops.partner_attention == counted["partner_attention"]
    # The layer of a head that modulates has the name of the layers that modulate blocks.
    names = ("modulation", "text_modulation", "sigma_embedding", "context_pool")
    assert flops.modulation == sum(counted[name] for name in names)
    ends = ("token_in", "context_in", "truth", "first", "0", "grid_out")
    outs = counted["head"] - 4 * config.width**2 * sum(map(bool, (lengths.video, lengths.audio)))
    assert flops.ends == sum(counted[name] for name in ends) + outs
    assert flops.self_projections + flops.self_products == total - sum(
        getattr(flops, part) for part in Flops.__slots__ if not part.startswith("self")
    )


def test_samples_of_a_batch_add_up():
    lengths = LENGTHS[0]
    assert _counted(tiny(), lengths, rows=3)[1] == 3 * forward_flops(tiny(), lengths).total


def test_the_formulas_of_the_docstring():
    """A single block with text and sound, written out."""
    config = replace(tiny(), num_dual=0, num_single=1)
    n, m, t, d, f = 20, 10, 6, config.width, config.mlp_width
    flops = forward_flops(config, Lengths(video=n, audio=m, text=t))
    assert flops.self_products == 4 * ((n + t) ** 2 + (m + t) ** 2) * d
    assert flops.self_projections == 8 * (n + m + 2 * t) * d**2
    assert flops.text_attention == 4 * (n + m + 2 * t) * d**2 + 4 * (n + m) * t * d
    assert flops.partner_attention == 2 * (4 * (n + m) * d**2 + 4 * n * m * d)
    assert flops.mlp == 4 * (n + m + 2 * t) * d * f


@pytest.mark.parametrize(("top_k", "others"), [(1, 0), (3, 7), (99, 7)])
def test_sparse_operations_are_those_of_the_path_by_gathering(top_k, others):
    pattern = SparsePattern(grid=(4, 9, 8), top_k=top_k)
    heads = [torch.randn(1, pattern.num_tokens + others, 2, 8) for _ in range(3)]
    gate = torch.ones(1, 1, 1, 1)
    with FlopCounterMode(display=False, custom_mapping=FUSED_ON_CPU) as counter:
        sparse_attend(*heads, pattern, gate=gate)
    assert counter.get_total_flops() == sparse_flops(pattern, width=16, others=others)


def test_sparsity_touches_self_attention_of_the_video_alone():
    lengths, grid = Lengths(video=600, audio=40, text=5), (4, 8, 16)
    dense = forward_flops(tiny(), lengths)
    sparse = forward_flops(tiny(), lengths, sparse=SparsePattern(grid=grid, top_k=2))
    assert sparse.self_products < dense.self_products
    gates = tiny().depth * 512 * 2 * tiny().width ** 2
    assert sparse.self_projections == dense.self_projections + gates
    for part in ("text_attention", "partner_attention", "mlp", "modulation", "ends"):
        assert getattr(sparse, part) == getattr(dense, part)


@pytest.mark.parametrize("name", [*PRESETS, *CONFIGS])
def test_parameters_are_those_of_the_network(name):
    config = PRESETS[name]() if name in PRESETS else CONFIGS[name]
    with torch.device("meta"):
        network = MMDiT(config)
    assert num_parameters(config) == sum(p.numel() for p in network.parameters())
    partners = sum(
        parameter.numel()
        for path, parameter in network.video.named_parameters()
        if "partner_attention" in path
    )
    there = sum(p.numel() for path, p in network.named_parameters() if "audio." not in path)
    assert num_parameters(config, Joint(True, False)) == there - partners


class _Living(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, and the most there ever were."""

    def __init__(self, weights):
        super().__init__()
        self.alive, self.most = 0, 0
        self.known = {weight.untyped_storage()._cdata for weight in weights}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf.untyped_storage())
        self.most = max(self.most, self.alive)
        return out

    def _add(self, storage):
        if storage._cdata in self.known:
            return
        self.known.add(storage._cdata)
        self.alive += storage.nbytes()
        weakref.finalize(storage, self._drop, storage._cdata, storage.nbytes())

    def _drop(self, key, size):
        self.known.discard(key)
        self.alive -= size


@pytest.mark.parametrize("number", [4, 2])
@pytest.mark.parametrize("mlp_width", [64, 400])
@pytest.mark.parametrize("num_dual", [0, 1])
def test_memory_is_that_of_the_tensors_that_live_at_once_within_a_tenth(
    number, mlp_width, num_dual
):
    config = replace(tiny(), mlp_width=mlp_width, num_dual=num_dual)
    lengths = Lengths(video=500, audio=90, text=8)
    network, given = MMDiT(config), _inputs(config, lengths)
    if number == 2:
        network = network.bfloat16()
        halves = given[0].map(lambda one: replace(one, tokens=one.tokens.bfloat16()))
        given = (halves, given[1].bfloat16(), *given[2:])
    with torch.no_grad(), _Living(network.parameters()) as living:
        network(*given)
    guess = activation_bytes(config, lengths, number=number)
    assert living.most == pytest.approx(guess, rel=0.1)
    assert activation_bytes(config, lengths, rows=2, number=number) == 2 * guess


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="none in both"):
        forward_flops(tiny(), Lengths(video=0, audio=0, text=4))
    pattern = SparsePattern(grid=(4, 8, 16), top_k=2)
    with pytest.raises(ValueError, match="got 512 of 500"):
        forward_flops(tiny(), Lengths(video=500, audio=0, text=4), sparse=pattern)


def test_stage_as_shipped_costs_what_its_benchmark_counts():
    """2 s at 64 px: 144 video and 89 audio tokens."""
    flops = forward_flops(stage(), Lengths(video=144, audio=89, text=32))
    assert flops.total == _counted(stage(), Lengths(video=144, audio=89, text=32))[1]
