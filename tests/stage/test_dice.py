import torch

from openreels.stage.dice import Dice


def _dice(seed=3):
    return Dice(torch.Generator().manual_seed(seed))


def test_draws_are_those_of_the_generator_in_order():
    source, dice = torch.Generator().manual_seed(3), _dice()
    number = torch.rand((), generator=source, dtype=torch.float64).item()
    assert dice.uniform(2.0, 5.0) == 2.0 + 3.0 * number
    assert dice.below(7) == int(torch.randint(7, (), generator=source))
    assert dice.some(2, 6) == torch.randperm(6, generator=source)[:2].tolist()


def test_other_words_are_never_taken_ones_and_all_come_up():
    dice = _dice()
    drawn = {dice.other(("a", "b", "c", "d"), "b") for _ in range(60)}
    assert drawn == {"a", "c", "d"}
    assert sorted(dice.order(5)) == list(range(5))
