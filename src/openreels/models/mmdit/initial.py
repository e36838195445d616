"""Initial weights of an MMDiT."""

import math

import torch
from torch import nn

ZERO_INITIALISED = {"modulation", "text_modulation", "head", "truth", "coarse_gate", "grid_out"}
"""Modules whose weights start at zero, wherever they stand."""
TAG_STD = 0.5
"""Spread of the vectors that name references, beside tokens of about unit variance."""
RARE = -4.0
"""Logit at which what is told starts: most of it is false of most tokens."""


def initialise(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw the initial weights of an MMDiT; on the meta device there is nothing to draw.

    ====================================  =====================================================
    parameters                            rule
    ====================================  =====================================================
    linear weights, convolutions          normal, standard deviation ``1 / sqrt(inputs)``
    linear biases                         0
    head norms (QK)                       1
    modulation weights, biases, tables    0: shift 0, scale 1, gate 0, so a block is the identity
    velocity heads                        0: the first prediction is 0, or that of the skip alone
    coarse gates                          0: the network starts as the dense one
    way from what is near (grid)          0: the network starts without it
    heads of truths                       weights 0, biases -4
    table of references                   normal, standard deviation 1/2: tags differ from the start
    ====================================  =====================================================

    Not given by the paper: all of it; zero gates are those of DiT (arXiv 2212.09748).

    Args:
        network: Any module made of the parts above.
        generator: CPU source of the draws; None takes the global one.
    """
    for name, parameter in network.named_parameters():
        if parameter.is_meta:
            continue
        parts = name.split(".")
        with torch.no_grad():
            if parts[-2:] == ["truth", "bias"]:
                parameter.fill_(RARE)
            elif parts[-1] == "bias" or ZERO_INITIALISED & set(parts):
                parameter.zero_()
            elif len(parts) > 1 and parts[-2].endswith("_norm"):
                parameter.fill_(1.0)
            elif parts[-1] == "tag_table":
                parameter.normal_(0.0, TAG_STD, generator=generator)
            else:
                parameter.normal_(0.0, 1 / math.sqrt(parameter[0].numel()), generator=generator)
