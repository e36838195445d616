import math

import pytest
import torch

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.evaluation.lips import lip_sync, mouth_opening
from openreels.evaluation.metrics import correlation
from openreels.evaluation.voices import track_voice
from openreels.stage.faces import mouth
from openreels.stage.heard import render_sound
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import sound_seed, truth_of
from openreels.stage.scene import Actor, Face, Scene
from openreels.stage.speech import Line, Syllable

SHAPE = ClipShape(num_frames=33, height=64, width=64)
LINE = Line(
    voice="mid",
    actor=0,
    syllables=tuple(
        Syllable(text=text, start_s=start, duration_s=length)
        for text, start, length in (("ba", 0.2, 0.2), ("mo", 0.55, 0.3), ("li", 1.1, 0.25))
    ),
)
SCENE = Scene(
    seed=1,
    index=0,
    actors=(
        Actor(
            shape="ball", colour="cyan", material="rubber", size="large", action="spin",
            start_x=0.0, direction="left", tempo=1.0, phase_s=15.0, height=0.01,
            face=Face(expression="neutral"),
        ),
    ),
    place="room",
    time_of_day="day",
    camera="static",
    lines=(LINE,),
)  # fmt: skip


def voice(late_s: float = 0.0) -> torch.Tensor:
    wave = render_sound([truth_of(SCENE)], 2 * SAMPLE_RATE_HZ, [sound_seed(SCENE)])[0]
    return wave.roll(round(late_s * SAMPLE_RATE_HZ), 1)


@pytest.mark.parametrize("late_s", [0.0, 0.1, -0.05])
def test_a_mouth_and_a_voice_that_is_late_by_a_known_time(late_s):
    times = torch.arange(33) / 16
    found = lip_sync(mouth(SCENE, 0, times).float(), 16, track_voice(voice(late_s)))
    assert found.late_ms == pytest.approx(1000 * late_s, abs=15)
    assert found.agreement > 0.8


def test_the_mouth_is_seen_to_open_in_the_pixels():
    pixels = render_video([SCENE], SHAPE)[0]
    cover = render_masks([SCENE], SHAPE)[0, 0].float()
    seen = mouth_opening(pixels, cover, "cyan")
    true = mouth(SCENE, 0, torch.arange(33) / 16)
    assert correlation(seen.tolist(), true.tolist()) > 0.9
    found = lip_sync(seen, 16, track_voice(voice()))
    assert abs(found.late_ms) < 25


def test_nothing_moves_and_nothing_is_heard():
    still = lip_sync(torch.ones(33), 16, track_voice(voice()))
    assert math.isnan(still.late_ms)
    silent = lip_sync(torch.rand(33), 16, track_voice(torch.zeros(2, 88_200)))
    assert math.isnan(silent.agreement)


def test_only_the_frames_of_a_speaker_count():
    times = torch.arange(33) / 16
    opening = mouth(SCENE, 0, times).float()
    opening[:3] = 1.0
    during = times > 0.15
    assert lip_sync(opening, 16, track_voice(voice()), during).agreement > 0.8
