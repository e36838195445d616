import os

import numpy as np
import pytest
from PIL import Image

from openreels.core.errors import MediaError
from openreels.core.shapes import ClipShape
from openreels.media.audio import write_wav
from openreels.pipelines.prop_pack import PACKAGES, read_props
from openreels.stage.props import (
    prop_calls,
    prop_table,
    render_prop_sounds,
    render_props,
    sample_prop_scene,
)

INSTALLED = os.environ.get("OPENREELS_PROPS", "")


def test_missing_packages_are_said_in_one_sentence(tmp_path):
    with pytest.raises(MediaError, match="npm install") as error:
        read_props(tmp_path)
    assert PACKAGES[0] in str(error.value)


def test_props_are_read_from_where_they_are_heard(tmp_path):
    pictures = tmp_path / PACKAGES[0] / "img/twitter/64"
    sounds = tmp_path / PACKAGES[1] / "samples"
    pictures.mkdir(parents=True)
    sounds.mkdir(parents=True)
    wave = np.zeros((1, 4_410), dtype=np.float32)
    wave[0, 1_000:1_500] = 0.25
    write_wav(tmp_path / "one.wav", wave, 44_100)
    data = np.zeros((8, 6, 4), dtype=np.uint8)
    data[2:6, 1:5] = (255, 0, 51, 255)
    for entry in prop_table().values():
        Image.fromarray(data).save(pictures / entry.picture)
        (sounds / entry.sound).write_bytes((tmp_path / "one.wav").read_bytes())
    props = read_props(tmp_path)
    assert set(props) == set(prop_table())
    drum = props["drum"]
    assert drum.picture.shape == (4, 8, 6)
    assert drum.picture[:, 3, 2].tolist() == pytest.approx([1.0, 0.0, 0.2, 1.0])
    assert drum.sound[:500].abs().max() == pytest.approx(1.0, abs=1e-3)
    assert len(drum.sound) == 3_410
    (pictures / prop_table()["drum"].picture).write_bytes(b"no picture")
    with pytest.raises(MediaError, match="must be readable"):
        read_props(tmp_path)


@pytest.mark.skipif(not INSTALLED, reason="OPENREELS_PROPS names no folder with the packages")
def test_installed_props_are_seen_and_heard():
    props, shape = read_props(INSTALLED), ClipShape(num_frames=33, height=64, width=64)
    for prop in props.values():
        assert 0.1 < prop.picture[3].mean() < 1
        assert prop.sound.abs().max() == pytest.approx(1.0, abs=1e-3)
        assert prop.sound[:64].abs().max() > 0.04
    for index in range(8):
        scene = sample_prop_scene(2, index)
        assert render_props(scene, props, shape)[1].any(dim=(1, 2, 3)).all()
        wave = render_prop_sounds([scene], props, 88_200)[0]
        start = int(prop_calls(scene)[0].time_s * 44_100)
        assert wave[:, :start].abs().max() == 0
        assert wave[:, start : start + 441].abs().max() > 0.01
