import torch

from openreels.core.shapes import AUDIO_TOKENS_PER_S, ClipShape
from openreels.models.mmdit.presets import stage
from openreels.stage.render import render_masks
from openreels.stage.sample import make_samples
from openreels.stage.scene import COLOURS, MATERIALS, SHAPES
from openreels.training.truth import (
    NUM_CELL_TRUTHS,
    NUM_LOOKS,
    NUM_ONSET_TRUTHS,
    cell_truths,
    onset_truths,
)

SHAPE = ClipShape(num_frames=17, height=64, width=80)


def _truths():
    return make_samples(5, range(6), SHAPE).truths


def test_cells_are_covered_as_the_masks_say():
    truths = _truths()
    cells = cell_truths(truths, SHAPE)
    assert cells.shape == (6, NUM_CELL_TRUTHS, 5, 8, 10)
    masks = render_masks([truth.scene for truth in truths], SHAPE).float()
    for row, truth in enumerate(truths):
        for index, shape in enumerate(SHAPES):
            members = [k for k, actor in enumerate(truth.scene.actors) if actor.shape == shape]
            covered = masks[row, members].sum(0)
            assert torch.isclose(cells[row, index, 0].sum(), covered[0].sum() / 64, atol=1e-3)
            expected = covered[5:9, 16:24, 32:40].mean()
            assert torch.isclose(cells[row, index, 2, 2, 4], expected, atol=1e-5)
        by_colour = cells[row, len(SHAPES) : len(SHAPES) + len(COLOURS)].sum(0)
        by_material = cells[row, len(SHAPES) + len(COLOURS) : NUM_LOOKS].sum(0)
        torch.testing.assert_close(by_colour, by_material)


def test_touching_is_where_and_when_the_contacts_are():
    truths = _truths()
    touching = cell_truths(truths, SHAPE)[:, NUM_LOOKS:]
    seen = 0
    for row, truth in enumerate(truths):
        frames = {round(contact.time_s * SHAPE.fps) for contact in truth.contacts}
        marked = touching[row].sum((2, 3)).T.flatten()[3:]
        assert {int(frame) for frame in marked.nonzero()} <= frames
        for contact in truth.contacts:
            frame = round(contact.time_s * SHAPE.fps)
            if frame < SHAPE.num_frames and abs(contact.x) < 0.9:
                place = touching[row, (frame + 3) % 4, (frame + 3) // 4]
                columns = (place.sum(0) * (torch.arange(10) + 0.5)).sum() / place.sum()
                assert abs(float(columns) / 10 * 2 - 1 - contact.x) < 0.35
                seen += 1
    assert seen > 5


def test_onsets_are_the_contacts_by_material():
    truths = _truths()
    onsets = onset_truths(truths, SHAPE)
    for row, truth in enumerate(truths):
        expected = {
            (MATERIALS.index(contact.material), int(contact.time_s * AUDIO_TOKENS_PER_S))
            for contact in truth.contacts
        }
        assert {tuple(place) for place in onsets[row].nonzero().tolist()} == expected


def test_the_shipped_size_has_room_for_all_truths():
    assert stage().video_truths == stage().patch ** 2 * NUM_CELL_TRUTHS
    assert stage().audio_truths == NUM_ONSET_TRUTHS
