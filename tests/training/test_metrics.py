import json
import sys

import pytest
import torch

from openreels.core.joint import Joint
from openreels.training.batch import TrainingBatch
from openreels.training.metrics import Meter, RunLog
from openreels.training.step import StepLoss


def test_means_by_branch_task_and_noise_level():
    batch = TrainingBatch(
        inputs=Joint(None, None),
        targets=Joint(None, None),
        truths=Joint(None, None),
        context=torch.zeros(3, 1, 1),
        context_mask=torch.ones(3, 1, dtype=torch.bool),
        sigma=torch.tensor([0.05, 0.5, 1.0]),
        tasks=("t2v", "last", "t2v"),
    )
    loss = StepLoss(total=torch.tensor(2.0), parts=Joint(torch.tensor([1.0, 2.0, 3.0]), None),
                    truths=Joint(torch.tensor(0.5), None))  # fmt: skip
    meter = Meter()
    meter.add_loss(loss, batch)
    meter.add("rate", 1.0)
    meter.add("rate", 3.0)
    assert meter.take() == {
        "loss": 2.0,
        "rate": 2.0,
        "video/loss": 2.0,
        "video/sigma/0.0-0.2": 1.0,
        "video/sigma/0.4-0.6": 2.0,
        "video/sigma/0.8-1.0": 3.0,
        "video/task/last": 2.0,
        "video/task/t2v": 2.0,
        "video/truth": 0.5,
    }
    assert meter.take() == {}


def test_a_log_that_goes_on_forgets_what_was_after_the_state(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    for step in (2, 4, 6):
        log.write(step, {"loss": step / 3})
    with log.path.open("a") as file:
        file.write('{"step": 7, "lo')
    log = RunLog(tmp_path, 4, tensorboard=False)
    log.write(6, {"loss": 9.0})
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert lines == [
        {"step": 2, "loss": 0.666667},
        {"step": 4, "loss": 1.33333},
        {"step": 6, "loss": 9.0},
    ]


def test_tensorboard_is_optional(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = RunLog(tmp_path, 0)
    log.write(1, {"loss": 1.0})
    log.close()
    assert "openreels[train]" in caplog.text
    assert log.path.exists()


def test_tensorboard_gets_the_same_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    log = RunLog(tmp_path, 0)
    log.write(1, {"loss": 1.0})
    log.close()
    assert list((tmp_path / "tensorboard").glob("events*"))
