import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.evaluation.train_probes import ProbeTraining, pixel_labels, train_probes
from openreels.models.probe.config import ProbeConfig
from openreels.stage.render import render_masks
from openreels.stage.scene import COLOURS, SHAPES, SIZES
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.audio_vae_data import ALL_SOUNDS

SHAPE = ClipShape(num_frames=5, height=64, width=64)


def test_labels_name_the_actor_under_each_cell():
    scenes = [sample_scene(1, i, settings=WorldSettings(duration_s=1.0)) for i in range(6)]
    colour, shape, size = pixel_labels(scenes, SHAPE)
    masks = render_masks(scenes, SHAPE)
    assert colour.shape == (6, 5, 32, 32)
    for i, scene in enumerate(scenes):
        there = {COLOURS[c - 1] for c in colour[i].unique().tolist() if c}
        assert there <= {actor.colour for actor in scene.actors}
        assert torch.equal(shape[i] == -100, colour[i] == 0)
        for j, actor in enumerate(scene.actors):
            whole = masks[i, j].unflatten(2, (32, 2)).unflatten(1, (32, 2)).all(4).all(2)
            assert (colour[i][whole] == COLOURS.index(actor.colour) + 1).all()
            assert (shape[i][whole] == SHAPES.index(actor.shape)).all()
            assert (size[i][whole] == SIZES.index(actor.size)).all()


@pytest.mark.parametrize("world", [WorldSettings(), ALL_SOUNDS])
def test_a_short_training_runs_end_to_end(world):
    training = ProbeTraining(
        pixel_seconds=0.5,
        track_clips=8,
        track_seconds=0.2,
        sound_seconds=0.2,
        num_frames=17,
        world=world,
    )
    probe = train_probes(ProbeConfig(width=8), training)
    assert not probe.training
    assert all(torch.isfinite(p).all() for p in probe.parameters())
