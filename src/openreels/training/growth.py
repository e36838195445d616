"""Larger networks from trained smaller ones: finer patches and more blocks."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from einops import rearrange, reduce
from torch import Tensor

from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT

BY_CELL = {
    "video.token_in.weight": "w (p c) -> w p c",
    "video.head.out.weight": "(p c) w -> w p c",
    "video.head.out.bias": "(p c) -> 1 p c",
    "video.truth.weight": "(p c) w -> w p c",
    "video.truth.bias": "(p c) -> 1 p c",
}
"""Parameters that are laid out by the cells of a patch."""


def deepened(network: MMDiT, order: Sequence[int]) -> MMDiT:
    """Make a deeper network whose blocks are copies of trained ones.

    A copy says again what its original said, at the right scale, and then learns to differ: when
    the shipped model grew from four blocks to six, its loss on pictures was that of the shallower
    one after 100 steps and below it after 160; random blocks had changed nothing after 120. Not
    given by the paper: ours, after the depth up-scaling of Kim et al. 2023 (arXiv 2312.15166).

    Args:
        network: Trained.
        order: For each new block, the block it is copied from; starts with all dual blocks in their
            order, goes on with single ones, e.g. (0, 1, 2, 2, 3, 3).

    Returns:
        The deeper network, in the mode of the given one.

    Raises:
        ValueError: If the order does not start with the dual blocks or names a block that is none.
    """
    config = network.config
    num_dual = config.num_dual
    singles = order[num_dual:]
    if list(order[:num_dual]) != list(range(num_dual)) or not all(
        num_dual <= index < config.depth for index in singles
    ):
        raise ValueError(
            f"order must name the {num_dual} dual blocks, then single blocks up to "
            f"{config.depth - 1}, got {tuple(order)}; e.g. {tuple(range(config.depth))} changes "
            "nothing"
        )
    old = network.state_dict()
    grown = _empty(replace(config, num_single=len(singles)))
    state = {
        name: _deeper(name, value, old, order, config.depth)
        for name, value in grown.state_dict().items()
    }
    grown.load_state_dict(state)
    return grown.train(network.training)


def _deeper(
    name: str, value: Tensor, old: dict[str, Tensor], order: Sequence[int], depth: int
) -> Tensor:
    parts = name.split(".")
    if "blocks" in parts:
        at = parts.index("blocks") + 1
        parts[at] = str(order[int(parts[at])])
        return old[".".join(parts)]
    same = old[name]
    if same.shape == value.shape:
        return same
    rows = rearrange(same, "(l r) ... -> l r ...", l=depth)  # a modulation, of all blocks in one
    return rearrange(rows[list(order)], "l r ... -> (l r) ...")


def refined_patches(network: MMDiT) -> MMDiT:
    """Make a network of one latent cell a token from one of larger patches.

    What a patch said of its cells is averaged; positions, which count latent cells, stay true. The
    result needs training, but far less than a new network: blocks, prompt and sound are kept. Not
    given by the paper: ours.

    Args:
        network: Trained, with patches of any side.

    Returns:
        The network with ``patch`` 1, in the mode of the given one.
    """
    config, cells = network.config, network.config.patch**2
    grown = _empty(
        replace(
            config,
            video_in=config.video_in // cells,
            video_out=config.video_out // cells,
            video_truths=config.video_truths // cells,
        )
    )
    state = dict(network.state_dict())
    for name in BY_CELL.keys() & state.keys():
        state[name] = _averaged(name, state[name], cells)
    grown.load_state_dict(state)
    return grown.train(network.training)


def _averaged(name: str, value: Tensor, cells: int) -> Tensor:
    layout = BY_CELL[name]
    by_cell = rearrange(value, layout, p=cells)
    mean = reduce(by_cell, "w p c -> w c", "mean")
    if name == "video.token_in.weight":
        return mean * cells**0.5  # one cell has the variance of a patch to itself
    return mean.flatten() if value.ndim == 1 else rearrange(mean, "w c -> c w")


def _empty(config: MMDiTConfig) -> MMDiT:
    with torch.random.fork_rng(devices=[]):  # initial values are overwritten: draw none for others
        return MMDiT(config)
