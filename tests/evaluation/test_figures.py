import math

import pytest
import torch

from openreels.evaluation.bench import PROBE_FILE
from openreels.evaluation.cases import Made, make_case
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.figures import Instruments, figures_of, lip_figures
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.weights.checkpoint import load_network

CONFIG = BenchConfig(duration_s=2.0)
BLIND = Instruments(probe=StageProbe(ProbeConfig(width=8)).eval())


def true_and_other(name: str, tools: Instruments = BLIND):
    case, other = make_case(name, 0, CONFIG), make_case(name, 1, CONFIG)
    return figures_of(case, case.target, tools), figures_of(case, other.target, tools)


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("text camera", "camera right"),
        ("text cuts", "cuts within 2 frames"),
        ("text words", "words read back"),
        ("text song", "notes within 50 cents"),
        ("text ambience", "ambience right"),
        ("storyboard", "panels PSNR dB"),
    ],
)
def test_the_truth_is_better_than_another_scene(name, figure):
    true, other = true_and_other(name)
    ceiling = 100 if figure.endswith("dB") else 1
    assert true[figure] == ceiling
    assert other[figure] <= true[figure]


def test_music_is_heard_in_its_mood_and_tempo():
    true, _ = true_and_other("music")
    assert true["mood right"] == 1
    assert true["tempo right"] in {0.0, 1.0}


def test_silence_says_and_sings_nothing():
    case = make_case("text song", 0, CONFIG)
    silent = Made(pixels=case.target.pixels, waveform=torch.zeros_like(case.target.waveform))
    found = figures_of(case, silent, BLIND)
    assert found["syllables heard"] == 0
    assert found["notes within 50 cents"] == 0
    assert math.isnan(found["lip sync off ms"])


def test_figures_of_looks_need_their_probe():
    assert figures_of(*pair("text style"), BLIND) == {}
    world = WorldProbe(WorldProbeConfig(width=8)).eval()
    seeing = Instruments(probe=BLIND.probe, world=world)
    assert set(figures_of(*pair("text style"), seeing)) == {"style right"}
    assert set(figures_of(*pair("subjects"), seeing)) == {
        "colour kept", "shape kept", "size kept", "material kept", "face kept",
    }  # fmt: skip


def pair(name: str):
    case = make_case(name, 0, CONFIG)
    return case, case.target


@pytest.mark.weights
@pytest.mark.skipif(not PROBE_FILE.is_file(), reason="the probes of StageBench are not installed")
def test_subjects_and_motion_of_the_truth_are_recognised():
    tools = Instruments(probe=load_network(PROBE_FILE, kind=StageProbe).eval())
    true, other = true_and_other("subjects", tools)
    assert true["colour kept"] == 1
    assert true["shape kept"] >= other["shape kept"]
    assert figures_of(*pair("images and motion"), tools)["motion correlation"] > 0.9


def test_a_mouth_that_stands_still_agrees_with_nothing():
    case, probe = make_case("text speech", 0, CONFIG), BLIND
    still = Made(
        pixels=torch.zeros_like(case.target.pixels), waveform=torch.zeros_like(case.target.waveform)
    )
    true = lip_figures(case, case.target, probe)["lips with voice correlation"]
    found = lip_figures(case, still, probe)
    expected = math.nan if math.isnan(true) else 0.0
    assert found["lips with voice correlation"] == pytest.approx(expected, nan_ok=True)
    assert lip_figures(make_case("text style", 0, CONFIG), still, probe) == {}


@pytest.mark.weights
@pytest.mark.skipif(not PROBE_FILE.is_file(), reason="the probes of StageBench are not installed")
def test_lips_agree_with_their_own_voice_more_than_with_another():
    tools = Instruments(probe=load_network(PROBE_FILE, kind=StageProbe).eval())
    values = []
    for number in range(6):
        case, other = (make_case("text speech", k, CONFIG) for k in (number, number + 1))
        mixed = Made(pixels=case.target.pixels, waveform=other.target.waveform)
        pair = [lip_figures(case, made, tools) for made in (case.target, mixed)]
        values.append([one["lips with voice correlation"] for one in pair])
    own, strange = torch.tensor(values).nanmean(0).tolist()
    assert own > strange + 0.1
    still = Made(
        pixels=case.target.pixels[:, :1].expand_as(case.target.pixels),
        waveform=case.target.waveform,
    )
    assert lip_figures(case, still, tools)["lips with voice correlation"] == 0
