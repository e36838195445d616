from dataclasses import replace

import torch

from openreels.core.shapes import ClipShape
from openreels.stage.scene import CAMERAS, PLACES, STYLES, TIMES_OF_DAY, WEATHERS, Shot
from openreels.stage.world import sample_scene
from openreels.training.shot_truth import NUM_SHOT_TRUTHS, cut_latents, shot_truths

SHAPE = ClipShape(num_frames=17, height=32, width=48, fps=16)
FIRST = {
    "camera": len(PLACES),
    "near": len(PLACES) + len(CAMERAS),
    "time": len(PLACES) + len(CAMERAS) + 1,
    "weather": len(PLACES) + len(CAMERAS) + 1 + len(TIMES_OF_DAY),
    "cut": NUM_SHOT_TRUTHS - 4,
}


def _scene(*shots, **looks):
    looks = {"place": "beach", "camera": "static", "time_of_day": "dusk"} | looks
    return replace(sample_scene(0, 0), duration_s=1.0, shots=shots, **looks)


def _told(*shots, **looks):
    (told,) = shot_truths([_scene(*shots, **looks)], SHAPE)
    assert told.shape == (NUM_SHOT_TRUTHS, 5, 4, 6)
    assert torch.equal(told, told[:, :, :1, :1].expand_as(told))
    return told[:, :, 0, 0]


def test_one_shot_is_the_same_all_along():
    told = _told(weather="snow", style=STYLES[-1])
    wanted = torch.zeros(NUM_SHOT_TRUTHS)
    wanted[PLACES.index("beach")] = 1
    wanted[FIRST["camera"] + CAMERAS.index("static")] = 1
    wanted[FIRST["time"] + TIMES_OF_DAY.index("dusk")] = 1
    wanted[FIRST["weather"] + WEATHERS.index("snow") - 1] = 1
    wanted[FIRST["cut"] - 1] = 1
    for latent in told.T:
        torch.testing.assert_close(latent, wanted)


def test_a_cut_divides_a_latent_by_its_frames_and_names_the_frame():
    shot = Shot(start_s=7 / 16, place="room", camera="zoom in", focus=0, zoom=1.5)
    told = _told(shot)
    # Frame 7 is the third of the four of latent 2.
    beach, room = told[PLACES.index("beach")], told[PLACES.index("room")]
    torch.testing.assert_close(beach, torch.tensor([1, 1, 0.5, 0, 0]))
    torch.testing.assert_close(room, 1 - beach)
    torch.testing.assert_close(told[FIRST["near"]], room)
    torch.testing.assert_close(told[FIRST["camera"] + CAMERAS.index("zoom in")], room)
    cuts = told[FIRST["cut"] :]
    assert cuts.nonzero().tolist() == [[2, 2]]


def test_a_cut_is_told_in_each_of_the_frames_of_a_latent():
    for frame in range(6, 11):
        told = _told(Shot(start_s=frame / 16, place="room", camera="static"))
        latent, place = (frame + 3) // 4, (frame - 1) % 4
        assert told[FIRST["cut"] :].nonzero().tolist() == [[place, latent]]
        scene = _scene(Shot(start_s=frame / 16, place="room", camera="static"))
        assert cut_latents([_scene(), scene], SHAPE).nonzero().tolist() == [[1, latent]]


def test_a_picture_has_the_first_shot():
    shape = replace(SHAPE, num_frames=1)
    scene = _scene(Shot(start_s=0.5, place="room", camera="static"))
    (told,) = shot_truths([scene], shape)
    assert told[PLACES.index("beach")].eq(1).all()
    assert not told[PLACES.index("room")].any()
