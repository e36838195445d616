from dataclasses import replace

import torch

from openreels.models.mmdit.initial import TAG_STD, initialise
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import tiny


def test_initialising_again_draws_the_same_weights():
    network = MMDiT(tiny(), generator=torch.Generator().manual_seed(3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7.0)
    initialise(network, torch.Generator().manual_seed(3))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_names_of_references_differ_from_the_start():
    table = MMDiT(replace(tiny(), num_tags=50)).tag_table.detach()
    assert abs(float(table.std()) / TAG_STD - 1) < 0.1
    assert len(torch.unique(table, dim=0)) == 50
