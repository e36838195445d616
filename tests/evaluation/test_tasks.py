import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from openreels.core.request import GenerationRequest
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.tasks import save_image, seam_step, task_figures
from openreels.media.clip import read_clip
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.stage.captions import held_out_prompts


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


@pytest.fixture(scope="module")
def components(tiny_networks):
    networks = {name: one.eval().requires_grad_(False) for name, one in tiny_networks().items()}
    return Components(**networks)


def test_clips_are_asked_for_with_the_seed_and_the_steps_of_the_run(components, tmp_path):
    config = BenchConfig(tasks=("extend",), task_count=2, duration_s=1.0, seed=3, steps=2)
    with torch.no_grad():
        rows, played, _ = task_figures(components, tmp_path, config, None)
    found = {row["figure"]: row for row in rows}
    assert found["kept frames PSNR dB"]["ours"] > 30
    assert math.isfinite(found["continuation against the true one PSNR dB"]["floor"])
    (prompt, _) = held_out_prompts(2, 1.0)[1]
    source = tmp_path / "inputs" / "extend-001" / "source.mp4"
    request = GenerationRequest(prompt=prompt, enhance=False, extend=str(source), seed=4, steps=2)
    with torch.no_grad():
        again = generate(components, request).clip
        other = generate(components, replace(request, seed=5)).clip
    files = [tmp_path / played[1].file, tmp_path / "again.mp4", tmp_path / "other.mp4"]
    again.save(files[1])
    other.save(files[2])
    made, same, different = (read_clip(file).frames.astype(float) for file in files)
    near, far = (np.abs(made - frames).mean() for frames in (same, different))
    assert near < 0.1 * far, (near, far)  # files of one clip may differ by a little
