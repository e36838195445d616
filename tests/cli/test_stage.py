import json

import numpy as np
import pytest

from openreels.cli.stage import world_settings
from openreels.core.shapes import ClipShape
from openreels.media.clip import read_clip
from openreels.media.image import read_image
from openreels.stage.captions_edits import instruction
from openreels.stage.edits import change_mask, sample_edit
from openreels.stage.overlays import render_overlay_masks
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import make_samples, truth_from_json, truth_of
from openreels.stage.world import WorldSettings


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


def test_shares_show_looks_and_sounds_and_edits_come_as_pairs(openreels, tmp_path):
    words = ("--share", "all=1", "--share", "cut=0", "--share", "song=0", "--edits", 2)
    result = openreels("stage", "sample", "--seed", 4, "-o", "world", "--duration", 1, *words)
    assert result.status == 0, result.err
    folder = tmp_path / "world" / "00000"
    truth = truth_from_json((folder / "truth.json").read_text())
    scene = truth.scene
    assert scene.lines
    assert scene.music
    assert scene.overlays
    assert scene.style != "plain"
    assert scene.shots == ()
    assert [event.text for event in truth.spoken] == [
        syllable.text for line in scene.lines for syllable in line.syllables
    ]
    shape = ClipShape(num_frames=17, height=64, width=64)
    shown = render_overlay_masks([scene], shape)[0, :, 0].numpy()
    for number, mask in enumerate(shown):
        assert np.array_equal(read_image(folder / f"overlay-{number}.png")[..., 0] > 0, mask)
    for number in range(2):
        edit, place = sample_edit(scene, number), folder / f"edit-{number}"
        told = json.loads((place / "edit.json").read_text())
        assert told == {
            "kind": edit.kind,
            "instruction": instruction(edit, 0),
            "number": edit.number,
        }
        assert truth_from_json((place / "truth.json").read_text()) == truth_of(edit.target)
        changed = read_clip(place / "mask.mp4").frames[..., 1] > 127
        assert (changed == change_mask(edit, shape).numpy()).mean() > 0.99
        for name, one in (("before", edit.source), ("after", edit.target)):
            pixels = render_video([one], shape)[0].permute(1, 2, 3, 0).numpy() * 127.5 + 127.5
            assert np.abs(read_clip(place / f"{name}.mp4").frames - pixels).mean() < 8


def test_shares_are_read_in_order():
    settings = world_settings(["all=0.5", "weather=1", "song=0"])
    assert (settings.weather_share, settings.song_share, settings.music_share) == (1.0, 0.0, 0.5)
    assert world_settings([]) == WorldSettings()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--duration", "99"], "duration must be 1 to 15 seconds, got 99"),
        (["--duration", "nan"], "duration must be 1 to 15 seconds, got nan"),
        (["--aspect-ratio", "2:1"], "aspect_ratio must be one of"),
        (["--resolution", "1080p"], "resolution must be 64p or 256p here"),
        (["--count", "0"], "--count"),
        (["--share", "hail=1"], "a share must be NAME=0..1 with a name of all, "),
        (["--share", "song"], "a share must be in [0, 1], got 'song'; write e.g. song=0.5"),
        (["--share", "song=1.5"], "a share must be in [0, 1], got 'song=1.5'"),
        (["--edits", "-1"], "--edits"),
        (["-o", "/proc/world"], "a folder that can be made"),
    ],
)
def test_wrong_input_is_one_sentence(openreels, tmp_path, words, message):
    result = openreels("stage", "sample", "-o", "world", *words)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
