import pytest
import torch

from openreels.conditioning import masks, tasks
from openreels.conditioning.masks import latent_known
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape

SHAPE = ClipShape(num_frames=17, height=64, width=64)
SUBJECT = (Reference(tag="@a", images=("a",)),)
FILES = (TaggedFile(tag="@a", path="a"),)


@pytest.mark.parametrize("name", tasks.TASKS)
def test_every_task_draws_a_mask_of_its_pattern(name):
    task = tasks.TASKS[name]
    shape = ClipShape(num_frames=1, height=64, width=64) if task.single_frame else SHAPE
    known = tasks.training_known(name, shape, generator(0, name))
    assert known.shape == (shape.num_frames, 64, 64)
    assert torch.equal(known, masks.draw_known(task.pattern, shape, generator(0, name)))
    assert latent_known(known[None]).any() == (task.source not in ("none", "reference"))


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="a task must be one of t2av"):
        tasks.task_named("dance")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "t2av"),
        ({"sound": False}, "t2v"),
        ({"kind": "audio"}, "t2a"),
        ({"kind": "image"}, "t2i"),
        ({"first_frame": "a"}, "first"),
        ({"last_frame": "a", "sound": False}, "last"),
        ({"first_frame": "a", "last_frame": "b"}, "first_last"),
        ({"first_frame": "a", "keyframes": (Keyframe(image="b", time_s=1.0),)}, "keyframes"),
        ({"extend": "a"}, "extend"),
        ({"extend": "a", "extend_before": True}, "extend_before"),
        ({"edit": "a", "edit_region": "m"}, "inpaint_fixed"),
        ({"edit": "a", "aspect_ratio": "16:9"}, "outpaint"),
        ({"edit": "a"}, "edit"),
        ({"edit": "a", "references": SUBJECT, "keep_audio": True}, "edit"),
        (
            {"edit": "a", "edit_region": "m", "references": SUBJECT, "voices": FILES},
            "inpaint_fixed",
        ),
        ({"edit": "a", "edit_region": "m", "kind": "image"}, "inpaint_image"),
        ({"edit": "a", "kind": "image"}, "edit"),
        ({"edit": "a", "ref_video": FILES[0]}, "edit"),
        ({"edit": "a", "edit_region": "m", "ref_video": FILES[0]}, "inpaint_fixed"),
        ({"edit": "a", "aspect_ratio": "1:1", "ref_video": FILES[0]}, "outpaint"),
        ({"references": SUBJECT, "voices": FILES, "audio_refs": FILES}, "references"),
        ({"grid": FILES[0], "audio_refs": FILES}, "storyboard"),
        ({"audio_refs": FILES}, "sounds"),
        ({"ref_video": FILES[0], "references": SUBJECT}, "motion"),
        ({"keyframes": (Keyframe(image="b"),)}, "keyframes"),
    ],
)
def test_a_request_names_its_task(fields, name):
    task = tasks.task_of(GenerationRequest(prompt="a", **fields))
    assert task is tasks.TASKS[name]
    used = set(fields) - {"sound", "kind", "aspect_ratio"}
    assert set(task.needs) <= set(fields)
    assert used <= set(task.needs) | set(task.allows)
