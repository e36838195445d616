from random import Random

import torch

from openreels.core.shapes import ClipShape
from openreels.evaluation.train_world_probe import (
    SeenClip,
    SeenClips,
    WorldProbeTraining,
    look_loss,
    train_looks,
    train_voices,
)
from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.stage.render import render_masks, render_video
from openreels.stage.world import WorldSettings, sample_scene

TINY = WorldProbeTraining(look_seconds=0.2, voice_seconds=0.2, scenes=2)


def test_looks_are_learnt_from_a_few_clips():
    settings = WorldSettings(style_share=0.7, weather_share=0.7, face_share=0.7)
    scenes = [sample_scene(4, k, settings=settings) for k in range(3)]
    shape = ClipShape(num_frames=5, height=64, width=64, fps=2)
    pixels, masks = render_video(scenes, shape), render_masks(scenes, shape)
    probe = WorldProbe(WorldProbeConfig(width=8))
    optimizer = torch.optim.AdamW(probe.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        loss = look_loss(probe, scenes, pixels, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_short_trainings_change_just_their_part():
    probe = WorldProbe(WorldProbeConfig(width=8))
    before = {k: v.clone() for k, v in probe.state_dict().items()}
    train_voices(probe, TINY)
    heard = {k for k, v in probe.state_dict().items() if not torch.equal(v, before[k])}
    assert heard
    assert all(name.startswith("syllable.") for name in heard)
    train_looks(probe, TINY)
    changed = {k for k, v in probe.state_dict().items() if not torch.equal(v, before[k])}
    assert {"style.weight", "face.weight"} <= changed
    assert all(torch.isfinite(p).all() for p in probe.parameters())


def test_earlier_clips_are_seen_again_and_give_way_to_new_ones():
    scene = sample_scene(4, 0, settings=WorldSettings())
    masks = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    clips = [
        SeenClip(scene=scene, pixels=torch.full((3, 1, 8, 8), k, dtype=torch.uint8), masks=masks)
        for k in range(40)
    ]
    seen = SeenClips(3, 6, Random(0))
    again = set[int]()
    for step in range(20):
        new = clips[2 * step : 2 * step + 2]
        drawn = seen.beside(new)
        assert drawn[:2] == new
        earlier = [int(clip.pixels[0, 0, 0, 0]) for clip in drawn[2:]]
        assert len(set(earlier)) == len(earlier) == min(3, 2 * step)
        assert all(number < 2 * step for number in earlier)
        if step == 19:
            again = set(earlier)
    assert min(again) > 5
    assert SeenClips(0, 6, Random(0)).beside(clips[:2]) == clips[:2]
