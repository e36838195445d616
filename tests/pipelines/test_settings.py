from dataclasses import replace

import pytest

from openreels.conditioning.tasks import TASKS
from openreels.core.joint import Joint
from openreels.core.request import MODES, GenerationRequest
from openreels.diffusion.cache import StepCache
from openreels.diffusion.solvers import STEPPERS
from openreels.pipelines import settings


def test_every_mode_has_settings():
    assert set(settings.MODES) == set(MODES)
    assert all(sampling.stepper in STEPPERS for sampling in settings.MODES.values())
    steps = [settings.MODES[mode].num_steps for mode in ("fast", "std", "pro")]
    assert steps == sorted(steps)


@pytest.mark.parametrize("mode", MODES)
def test_a_request_without_wishes_gets_those_of_its_mode(mode):
    assert settings.sampling_of(GenerationRequest(prompt="a", mode=mode)) == settings.MODES[mode]


def test_wishes_are_kept():
    request = GenerationRequest(
        prompt="a", steps=7, guidance_scale=2.0, audio_guidance_scale=1.0, sync_guidance_scale=5
    )
    sampling = settings.sampling_of(request)
    assert sampling.num_steps == 7
    assert sampling.rule.scales == Joint(2.0, 1.0)
    assert sampling.rule.sync == 5.0
    assert sampling.cache.is_off
    cached = settings.sampling_of(replace(request, step_cache=0.2))
    assert cached == replace(sampling, cache=StepCache(threshold=0.2))


def test_an_edit_by_instruction_has_a_scale_of_its_own():
    edit = GenerationRequest(prompt="@video_1", edit="a.mp4")
    own = Joint(settings.EDIT_GUIDANCE, settings.AUDIO_GUIDANCE)
    assert settings.sampling_of(edit) == replace(settings.MODES["std"], guidance=own)
    region = replace(edit, edit_region="b.png")
    assert settings.sampling_of(region) == settings.MODES["std"]
    wider = replace(edit, aspect_ratio="16:9")
    assert settings.sampling_of(wider) == settings.MODES["std"]
    assert settings.sampling_of(wider, task=TASKS["edit"]) == settings.sampling_of(edit)
    assert settings.sampling_of(replace(edit, guidance_scale=4.0)) == settings.MODES["std"]
    base = replace(settings.MODES["pro"], num_steps=3)
    assert settings.sampling_of(edit, base) == base


def test_settings_in_the_place_of_the_mode_s_are_taken():
    base = replace(settings.MODES["pro"], num_steps=3, shift=2.0)
    request = GenerationRequest(prompt="a", mode="fast")
    assert settings.sampling_of(request, base) == base
