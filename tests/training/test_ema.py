import pytest
import torch
from torch import nn

from openreels.training.ema import WeightAverage


def test_the_average_follows_its_closed_form():
    network = nn.Linear(1, 1)
    values = [0.0, 1.0, 4.0, -2.0, 3.0] * 20
    nn.init.zeros_(network.weight)
    average = WeightAverage(network, decay=0.8)
    expected = 0.0
    for count, value in enumerate(values):
        nn.init.constant_(network.weight, value)
        average.update()
        decay = min(0.8, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * value
    assert float(average.weights["weight"]) == pytest.approx(expected, rel=1e-5)
    assert average.num_updates == len(values)


def test_a_constant_late_decay_is_geometric():
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, decay=0.5)
    nn.init.zeros_(average.weights["weight"])
    nn.init.ones_(network.weight)
    average.num_updates = 100
    for _ in range(6):
        average.update()
    assert float(average.weights["weight"]) == pytest.approx(1 - 0.5**6)


def test_the_state_holds_buffers_of_the_network_and_averaged_weights():
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network, decay=0.9)
    nn.init.constant_(network.weight, 5.0)
    network.running_mean.fill_(3.0)
    state = average.state()
    assert set(state) == set(network.state_dict())
    assert torch.equal(state["weight"], torch.ones(2))
    assert torch.equal(state["running_mean"], torch.full((2,), 3.0))


def test_restoring_goes_on_bitwise():
    network = nn.Linear(3, 3)
    first, second = WeightAverage(network, 0.9), WeightAverage(network, 0.9)
    for _ in range(3):
        nn.init.normal_(network.weight)
        first.update()
    second.restore(first.weights.items(), first.num_updates)
    nn.init.normal_(network.weight)
    first.update()
    second.update()
    assert torch.equal(first.weights["weight"], second.weights["weight"])
