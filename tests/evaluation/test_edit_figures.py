import pytest

from openreels.evaluation.cases import Made, make_case
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.edit_figures import edit_figures

CONFIG = BenchConfig(duration_s=1.0)


@pytest.mark.parametrize(
    "name",
    ["edit colour", "edit material", "edit style", "edit weather", "edit remove", "edit overlay",
     "edit expression", "inpaint place", "replace by reference", "effect by reference"],
)  # fmt: skip
def test_the_true_target_succeeds_and_the_source_does_not(name):
    case = make_case(name, 0, CONFIG)
    true = edit_figures(case, case.target)
    assert case.source is not None
    floor = edit_figures(case, case.source)
    assert true["success"] == 1
    assert true["trace of the source"] == pytest.approx(0, abs=1e-6)
    assert true["changed part PSNR dB"] == 100
    assert floor["success"] == 0
    assert floor["trace of the source"] == pytest.approx(1, abs=1e-6)
    assert true.get("kept outside PSNR dB", 100) > 45
    assert floor.get("kept outside PSNR dB", 100) == 100


def test_half_of_a_removal_leaves_half_a_trace_and_noise_is_not_preservation():
    case = make_case("edit remove", 0, CONFIG)
    assert case.source is not None
    mixed = Made(
        pixels=(case.source.pixels + case.target.pixels) / 2, waveform=case.target.waveform
    )
    assert edit_figures(case, mixed)["trace of the source"] == pytest.approx(0.5)
    mirrored = Made(pixels=case.target.pixels.flip(3), waveform=case.target.waveform)
    assert edit_figures(case, mirrored)["kept outside PSNR dB"] < 30


def test_an_actor_is_inserted_where_it_was_asked():
    case = make_case("edit add", 0, CONFIG)
    true = edit_figures(case, case.target)
    assert true["inserted overlap"] > 0.6
    assert true["inserted off by heights"] < 0.05
    assert case.source is not None
    floor = edit_figures(case, case.source)
    assert floor["inserted overlap"] == 0
    assert floor["inserted off by heights"] == 1


def test_a_clip_without_a_source_has_no_figures_of_an_edit():
    case = make_case("text style", 0, CONFIG)
    assert edit_figures(case, case.target) == {}
