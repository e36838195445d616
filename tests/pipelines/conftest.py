"""Real networks at the smallest size, with random weights that do something."""

import pytest
import torch

from openreels.pipelines.components import Components


@pytest.fixture(scope="session")
def components(tiny_networks) -> Components:
    networks = tiny_networks()
    with torch.no_grad():
        for parameter in networks["mmdit"].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Components(**{
        name: network.eval().requires_grad_(False) for name, network in networks.items()
    })
