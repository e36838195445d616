import pytest

from openreels.pipelines.plan_records import PlanOptions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 0}, "fps must be 1 to 120, got 0"),
        ({"text_tokens": 10**6}, "text_tokens must be 1 to 10000"),
        ({"keyframes": -1}, "keyframes must be 0 to 100"),
        ({"refiner_steps": 0}, "refiner_steps must be 1 to 200"),
        ({"sparsity": 1.0}, "sparsity must be 0"),
        ({"tflops": 0.0}, "tflops must be positive"),
        ({"tflops": float("inf")}, "tflops must be positive and finite"),
        ({"utilisation": 1.5}, "utilisation must be above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PlanOptions(**change)
