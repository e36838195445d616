import numpy as np
import pytest
import torch
from PIL import Image

from openreels.evaluation.tasks import save_image, seam_step


def test_the_seam_of_a_shifted_region_is_its_shift():
    truth = torch.rand(3, 4, 32, 32) * 0.5
    known = torch.zeros(4, 32, 32, dtype=torch.bool)
    known[:, :, :12] = True
    assert seam_step(truth, known, truth) == 0.0
    shifted = torch.where(known, truth, truth + 10 / 127.5)
    # vertical border only: one of the two axes has a seam of ten levels
    assert seam_step(shifted, known, truth) == pytest.approx(10, abs=1e-3)


def test_texture_that_differs_is_no_seam_when_its_mean_agrees():
    torch.manual_seed(0)
    truth = torch.zeros(3, 4, 64, 64)
    known = torch.zeros(4, 64, 64, dtype=torch.bool)
    known[:, :, :32] = True
    noisy = torch.where(known, truth, truth + 0.05 * torch.randn(truth.shape))
    assert seam_step(noisy, known, truth) < 2.0


def test_saved_pictures_come_back_exactly(tmp_path):
    frame = (torch.randint(0, 256, (3, 16, 16)) / 127.5 - 1).float()
    save_image(tmp_path / "x.png", frame)
    read = torch.from_numpy(np.asarray(Image.open(tmp_path / "x.png")).copy()).permute(2, 0, 1)
    assert torch.equal(read, ((frame + 1) * 127.5).round().to(torch.uint8))
