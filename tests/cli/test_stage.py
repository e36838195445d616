import json

import numpy as np
import pytest

from openreels.core.shapes import ClipShape
from openreels.media.clip import read_clip
from openreels.media.image import read_image
from openreels.stage.render import render_masks
from openreels.stage.sample import make_samples, truth_from_json


def test_samples_are_the_world_with_its_truth(openreels, tmp_path):
    words = ("--seed", 5, "--count", 2, "--duration", 1, "-o", "world", "--json")
    result = openreels("stage", "sample", *words)
    assert result.status == 0, result.err
    folders = [tmp_path / path for path in json.loads(result.out)["samples"]]
    assert len(folders) == 2
    shape = ClipShape(num_frames=17, height=64, width=64)
    for index, folder in enumerate(folders):
        batch = make_samples(5, [index], shape)
        truth = truth_from_json((folder / "truth.json").read_text())
        assert truth == batch.truths[0]
        clip = read_clip(folder / "clip.mp4")
        pixels = batch.pixels[0].permute(1, 2, 3, 0).numpy() * 127.5 + 127.5
        assert np.abs(clip.frames - pixels).mean() < 8
        assert clip.waveform.shape == (2, shape.num_samples)
        masks = render_masks([truth.scene], shape)[0].numpy()
        for actor, mask in enumerate(masks):
            moving = read_clip(folder / f"mask-{actor}.mp4").frames[..., 1] > 127
            assert (moving == mask).mean() > 0.99
            assert np.array_equal(read_image(folder / f"mask-{actor}.png")[..., 0] > 0, mask.any(0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--duration", "99"], "duration must be 1 to 15 seconds, got 99"),
        (["--duration", "nan"], "duration must be 1 to 15 seconds, got nan"),
        (["--aspect-ratio", "2:1"], "aspect_ratio must be one of"),
        (["--resolution", "1080p"], "resolution must be 64p or 256p here"),
        (["--count", "0"], "--count"),
        (["-o", "/proc/world"], "a folder that can be made"),
    ],
)
def test_wrong_input_is_one_sentence(openreels, tmp_path, words, message):
    result = openreels("stage", "sample", "-o", "world", *words)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
