import torch

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.looks import (
    AFFECTED,
    FACES,
    crops_of,
    hear_syllables,
    look_at_actor,
    look_at_scene,
    some_frames,
)
from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.stage.sample import truth_of
from openreels.stage.scene import MATERIALS, PLACES, STYLES
from openreels.stage.speech import VOICES, VOWELS
from openreels.stage.world import WorldSettings, sample_scene


def test_a_crop_has_the_actor_in_its_middle_at_one_size():
    frames, cover = torch.full((2, 3, 64, 64), -1.0), torch.zeros(2, 64, 64)
    for frame, (row, column) in enumerate(((8, 8), (30, 40))):
        frames[frame, :, row : row + 16, column : column + 16] = 1.0
        cover[frame, row : row + 16, column : column + 16] = 1.0
    crops = crops_of(frames, cover, 32)
    assert crops.shape == (2, 3, 32, 32)
    assert (crops[:, :, 12:20, 12:20] > 0.99).all()
    assert (crops[:, :, :3] < -0.9).all()
    assert torch.allclose(crops[0], crops[1], atol=1e-4)


def test_an_actor_that_is_not_seen_gives_the_middle():
    crops = crops_of(torch.zeros(1, 3, 64, 64), torch.zeros(1, 32, 32), 16)
    assert torch.equal(crops, torch.zeros(1, 3, 16, 16))


def test_frames_are_spread_over_the_clip():
    assert some_frames(33, 9).tolist() == list(range(0, 33, 4))
    assert some_frames(1).tolist() == [0, 0]


def test_readings_are_words_of_the_world():
    probe = WorldProbe(WorldProbeConfig(width=8)).eval()
    pixels = torch.rand(3, 17, 64, 64) * 2 - 1
    scene = look_at_scene(probe, pixels)
    assert scene.style in STYLES
    assert scene.place in PLACES
    actor = look_at_actor(probe, pixels, torch.rand(17, 32, 32))
    assert actor.material in MATERIALS
    assert actor.face in FACES
    assert actor.effect in AFFECTED
    said = truth_of(sample_scene(3, 0, settings=WorldSettings(speech_share=1.0))).spoken
    heard = hear_syllables(probe, torch.rand(2, 2 * SAMPLE_RATE_HZ), said)
    assert len(heard) == len(said)
    assert all(voice in VOICES and vowel in VOWELS for voice, vowel in heard)
    assert hear_syllables(probe, torch.rand(2, 100), ()) == []
