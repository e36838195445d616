from dataclasses import replace

import pytest
import torch

from openreels.evaluation.bench import run_bench
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.refiner import (
    Views,
    gains,
    moving_parts,
    refiner_figures,
    refiner_shapes,
    stretched_views,
)
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.components import Components
from openreels.stage.captions import held_out_prompts


@pytest.fixture(scope="module")
def cascade(tiny_networks):
    networks = tiny_networks()
    config = replace(networks["mmdit"].config, audio_channels=0, residual=0.1, sparsity=0.5)
    networks["refiner"] = MMDiT(config)
    return Components(**{name: one.eval().requires_grad_(False) for name, one in networks.items()})


def test_the_two_clips_of_a_scene_fit_one_another():
    _, scene = held_out_prompts(1)[0]
    low, high = refiner_shapes(scene, 3.0)
    assert (low.num_frames, high.num_frames) == (49, 97)
    assert (high.height, high.width) == (4 * low.height, 4 * low.width)
    assert low.num_latent_frames == 13
    assert high.num_latent_frames == 25


def test_what_moves_is_where_frames_differ_with_a_margin():
    true = torch.zeros(3, 4, 64, 64)
    true[:, 2, 32, 32] = 1.0
    moving = moving_parts(true)
    assert moving[1:, 24:41, 24:41].all()
    assert not moving[0].any()
    assert moving.sum() == 3 * 17 * 17


def test_stretched_frames_are_repeated_or_blended():
    low = torch.rand(3, 3, 16, 16) * 2 - 1
    repeated, blended = stretched_views(low, 64, 64)
    assert repeated.shape == blended.shape == (3, 5, 64, 64)
    assert torch.equal(repeated[:, 1], repeated[:, 0])
    assert torch.allclose(blended[:, 1], (repeated[:, 0] + repeated[:, 2]) / 2, atol=1e-6)


def test_gains_are_nothing_for_the_floor_and_those_of_the_ceiling_for_the_ceiling():
    true = torch.rand(3, 5, 32, 32) * 2 - 1
    near = (true + 0.01 * torch.randn_like(true)).clamp(-1, 1)
    far = (true + 0.1 * torch.randn_like(true)).clamp(-1, 1)
    views = Views(
        true=true, repeated=far, blended=far, ceiling=near, moving=torch.ones(5, 32, 32).bool()
    )
    for ours, ceiling, floor in gains(near, views).values():
        assert ours == ceiling > 15 > floor == 0
    for ours, _, _ in gains(far, views).values():
        assert ours == 0
    still = replace(views, moving=torch.zeros(5, 32, 32).bool())
    assert list(gains(near, still)) == ["gain over repeated frames dB"]


def test_a_refined_clip_keeps_its_sound_and_is_measured(cascade):
    _, scene = held_out_prompts(1)[0]
    clip, figures = refiner_figures(cascade, scene, 0.25, {"mode": "fast"})
    assert clip.fps == 32
    assert clip.num_frames == 9
    assert figures["sound identical"] == (1.0, 1.0, 0.0)
    assert "gain over repeated frames dB" in figures


@pytest.mark.weights
def test_the_bench_has_a_part_for_it(cascade, tmp_path):
    config = BenchConfig(tasks=("refine",), task_count=1, duration_s=0.25, mode="fast")
    rows = run_bench(cascade, tmp_path, config)["rows"]
    assert {row["task"] for row in rows} == {"refine"}
    assert (tmp_path / "clips" / "refine-000.mp4").exists()
