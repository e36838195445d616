import json
from dataclasses import replace

import pytest
import torch

from openreels.conditioning.build import build
from openreels.conditioning.material import Material
from openreels.core.config import to_dict
from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.core.shapes import ClipShape
from openreels.diffusion.sample import sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import refiner as refiner_preset
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.presets import tiny as tiny_prompts
from openreels.pipelines.cost import forward_flops
from openreels.pipelines.denoise import branch_inputs, draw_noise
from openreels.pipelines.machines import MACHINES
from openreels.pipelines.plan import base_shape, find_model, grid_of, num_evaluations, plan
from openreels.pipelines.plan_records import PlannedModel, PlanOptions
from openreels.pipelines.settings import MODES
from openreels.weights.checkpoint import save_network, shipped_path

REQUEST = GenerationRequest(
    prompt="a", resolution="1080p", duration_s=15, aspect_ratio="16:9", steps=50, guidance_scale=2
)


def _plan(name="14b", request=REQUEST, **options):
    return plan(find_model(name), request, PlanOptions(**options))


def _ways(made):
    return {way.name: way for way in made.strategies}


def test_tokens_of_1080p_at_32_frames_a_second_for_15_seconds():
    """The grid of 121 x 68 x 120 and the sequence of the same length as the clip."""
    made = _plan(sparsity=0.9)
    ways = _ways(made)
    direct = ways["direct"].stages[0]
    assert (direct.width, direct.height, direct.num_frames) == (1920, 1088, 481)
    assert direct.lengths.video == 121 * 68 * 120 == 987_360
    assert direct.lengths.audio == round(481 / 32 * 44100 / 1024)
    assert direct.lengths.text == 512
    base, refiner = ways["cascade, sparse"].stages
    assert (base.width, base.height, base.num_frames, base.fps) == (480, 272, 241, 16)
    assert base.keyframe_tokens == 8 * 68 * 120 == 65_280
    assert base.lengths.video == 61 * 17 * 30 + base.keyframe_tokens
    assert refiner.lengths.video == direct.lengths.video
    assert refiner.lengths.audio == 0
    assert (refiner.num_cubes, refiner.num_kept) == (31 * 17 * 30, 1581)


def test_operations_are_evaluations_times_samples_times_one():
    made = _plan()
    for way in made.strategies:
        for stage in way.stages:
            each = stage.flops.total * stage.rows + stage.blind_flops
            assert stage.total_flops == each * stage.num_evaluations
        assert way.total_flops == sum(stage.total_flops for stage in way.stages)
    ways = _ways(made)
    direct, (base, refiner) = ways["direct"].stages[0], ways["cascade"].stages
    assert (direct.rows, direct.num_evaluations) == (base.rows, base.num_evaluations) == (2, 50)
    assert (refiner.rows, refiner.num_evaluations) == (1, 4)
    model = find_model("14b")
    assert direct.flops == forward_flops(model.config, direct.lengths)


def test_guidance_off_halves_and_silence_takes_the_audio_away():
    guided = _ways(_plan("stage", replace(REQUEST, sync_guidance_scale=1)))["direct"]
    plain = replace(REQUEST, guidance_scale=1, audio_guidance_scale=1, sync_guidance_scale=1)
    assert 2 * _ways(_plan("stage", plain))["direct"].total_flops == guided.total_flops
    silent = _ways(_plan("stage", replace(REQUEST, sound=False)))["direct"].stages[0]
    assert silent.lengths.audio == silent.flops.partner_attention == 0
    assert silent.total_flops < guided.total_flops


def test_sound_that_follows_the_picture_costs_an_audio_branch_more():
    following = _ways(_plan("stage", replace(REQUEST, sync_guidance_scale=3)))["direct"].stages[0]
    plain = _ways(_plan("stage", replace(REQUEST, sync_guidance_scale=1)))["direct"].stages[0]
    alone = forward_flops(find_model("stage").config, replace(plain.lengths, video=0)).total
    assert plain.blind_flops == 0 < following.blind_flops == alone < plain.flops.total / 4
    assert following.total_flops == plain.total_flops + alone * plain.num_evaluations
    silent = replace(REQUEST, sync_guidance_scale=3, sound=False)
    assert _ways(_plan("stage", silent))["direct"].stages[0].blind_flops == 0


def test_the_cascade_and_sparse_attention_are_cheaper_in_the_order_expected():
    """At 1080p attention dominates: by PERF 13 to 28 times cheaper with 480p bases of 14B."""
    made = {name: way.total_flops for name, way in _ways(_plan(sparsity=0.9)).items()}
    direct = made["direct"]
    assert 5 < direct / made["direct, sparse"] < 9
    assert made["direct"] > made["direct, sparse"] > made["cascade"] > made["cascade, sparse"]
    assert direct / made["cascade, sparse"] > 20


def test_seconds_and_memory_follow():
    made = _plan(utilisation=0.5)
    way = _ways(made)["cascade, sparse"]
    assert list(way.seconds) == [machine.name for machine in MACHINES]
    assert way.seconds["H200 SXM"] == pytest.approx(way.total_flops / (0.5 * 989.5e12))
    base, refiner = way.stages
    assert base.weights_bytes == {"bf16": 2 * made.parameters, "fp32": 4 * made.parameters}
    assert refiner.parameters < base.parameters / 2
    assert way.memory_bytes["bf16"] == (
        base.weights_bytes["bf16"]
        + refiner.weights_bytes["bf16"]
        + max(base.activation_bytes["bf16"], refiner.activation_bytes["bf16"])
    )
    assert way.fits == {
        machine.name: way.memory_bytes["bf16"] <= machine.memory_gb * 1e9 for machine in MACHINES
    }
    measured = _ways(_plan(tflops=2.0))["direct"]
    assert measured.fits == {}
    assert measured.seconds == {"measured": pytest.approx(measured.total_flops / 2e12)}


def test_the_refiner_of_stage_has_sizes_of_its_own():
    """Patches of 2x2 cells beside a base of one cell a token."""
    request = replace(REQUEST, resolution="256p", duration_s=3, aspect_ratio="1:1")
    ways = _ways(_plan("stage", request, sparsity=0.8))
    direct, (_, finer) = ways["direct"].stages[0], ways["cascade, sparse"].stages
    assert direct.lengths.video == 25 * 32 * 32
    assert finer.lengths.video == 25 * 16 * 16
    network = MMDiT(refiner_preset())
    assert finer.parameters == sum(one.numel() for one in network.parameters())


def test_what_cannot_be_a_cascade_is_said():
    small = _plan("stage", replace(REQUEST, resolution="64p"))
    assert list(_ways(small)) == ["direct", "direct, sparse"]
    assert small.strategies[0].stages[0].fps == 16
    assert "smaller than 64 px" in small.notes[0]
    assert "25 frames a second" in _plan(fps=25).notes[0]
    assert list(_ways(_plan(sparsity=0.0))) == ["direct", "cascade"]


def test_a_plan_is_json():
    made = _plan("tiny", replace(REQUEST, resolution="256p", duration_s=1))
    assert json.loads(json.dumps(to_dict(made)))["strategies"][0]["total_flops"] > 0


def test_a_base_that_makes_no_keyframes_is_charged_for_none():
    request = replace(REQUEST, resolution="256p", duration_s=3)
    base = _ways(_plan("stage", request))["cascade"].stages[0]
    assert base.keyframe_tokens == 0
    asked = _ways(_plan("stage", request, keyframes=2))["cascade"].stages[0]
    assert asked.keyframe_tokens == asked.lengths.video - base.lengths.video > 0
    assert _ways(_plan("5b", request))["cascade"].stages[0].keyframe_tokens > 0


def test_mode_fast_is_charged_what_its_distilled_weights_take():
    mark = find_model("stage").distilled
    fast = replace(REQUEST, mode="fast", steps=None, guidance_scale=None)
    direct = _ways(_plan("stage", fast))["direct"].stages[0]
    assert (direct.rows, direct.num_evaluations) == (1, mark.num_steps)
    assert direct.blind_flops == 0
    guided = _ways(_plan("stage", replace(fast, guidance_scale=2)))["direct"].stages[0]
    assert (guided.rows, guided.num_evaluations) == (2, MODES["fast"].num_steps)
    without = _ways(_plan("14b", fast))["direct"].stages[0]
    assert (without.rows, without.num_evaluations) == (2, MODES["fast"].num_steps)


def test_keyframes_and_prompt_can_be_told():
    base = _ways(_plan(keyframes=2, text_tokens=77))["cascade"].stages[0]
    assert base.keyframe_tokens == 2 * 68 * 120
    assert base.lengths.text == 77


@pytest.mark.parametrize("mode", MODES)
def test_evaluations_are_those_of_a_run(mode):
    sampling, calls = replace(MODES[mode], num_steps=5), []

    def denoiser(noisy, sigma):
        calls.append(float(sigma[0]))
        return noisy

    noise = Joint(torch.zeros(1, 1, 1, 1, 1), None)
    sample(denoiser, noise, sampling_sigmas(5), STEPPERS[sampling.stepper])
    assert num_evaluations(sampling) == len(calls)


def test_tokens_are_those_of_a_real_generation(components):
    request = GenerationRequest(prompt="a", duration_s=1.5, aspect_ratio="4:3")
    with torch.no_grad():
        conditions = build(request, components, Material())
    inputs = branch_inputs(components, conditions, draw_noise(components, conditions, 0))
    model = PlannedModel(name="real", config=components.mmdit.config, text_tokens=24)
    stage = plan(model, request, PlanOptions()).strategies[0].stages[0]
    assert stage.lengths.video == inputs.video.tokens.shape[1]
    assert stage.lengths.audio == inputs.audio.tokens.shape[1]


def test_the_base_is_a_quarter_of_the_picture_at_half_the_rate():
    refined = ClipShape(num_frames=161, height=720, width=1280, fps=32)
    assert base_shape(refined) == ClipShape(num_frames=81, height=192, width=320, fps=16)
    assert base_shape(ClipShape(num_frames=1, height=256, width=256, fps=2)).num_frames == 1
    assert grid_of(refined, 2) == (41, 45, 80)
    with pytest.raises(ValueError, match="multiples of patch 4"):
        grid_of(refined, 4)


def test_the_preset_of_the_shipped_weights_reads_as_many_words_as_they_do():
    folder = shipped_path("mmdit").parent
    assert find_model("stage").text_tokens == find_model(str(folder)).text_tokens


def test_a_folder_is_read_by_its_headers(components, tmp_path):
    save_network(tmp_path / "mmdit.safetensors", components.mmdit)
    save_network(tmp_path / "text_encoder.safetensors", components.text_encoder)
    model = find_model(str(tmp_path))
    assert model.config == components.mmdit.config
    assert model.text_tokens == tiny_prompts().max_tokens
    assert model.refiner is None
    finer = MMDiT(replace(components.mmdit.config, num_single=3))
    save_network(tmp_path / "refiner.safetensors", finer)
    assert find_model(str(tmp_path)).refiner == finer.config
    save_network(tmp_path / "mmdit.safetensors", PromptEncoder(tiny_prompts()))
    with pytest.raises(CheckpointError, match="must hold a mmdit, it holds a text_encoder"):
        find_model(str(tmp_path))
    with pytest.raises(CheckpointError, match="a preset is tiny, stage, 5b, 14b or a folder"):
        find_model("70b")
