"""How well sound reads a picture: onsets of the sound that is made for true pictures.

The picture of held-out clips is given, at a noise level of nearly nothing; the sound alone goes
from noise to data, and its onsets are held against those of the true sound through the
autoencoder. What pictures the weights make does not matter here.

    python benchmarks/reading.py [--clips 16] [--seconds 2] [--steps 16]
        [--audio-guidance 4 2] [--sync-guidance 1 3] [--threads 1]
"""

import argparse
import itertools
from dataclasses import dataclass, replace

import torch
from einops import repeat
from torch import Tensor, nn

from openreels.conditioning.tokens import audio_branch, audio_latents_from, video_branch
from openreels.core.arrays import Context, ContextMask
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.seeding import generator
from openreels.diffusion.guidance import Guidance, combine, follow
from openreels.diffusion.schedule import sampling_sigmas
from openreels.evaluation.clips import true_clip
from openreels.evaluation.metrics import match_times, median
from openreels.evaluation.onsets import detect_onsets
from openreels.evaluation.score import TOLERANCE_S
from openreels.pipelines.components import Components
from openreels.stage.captions import held_out_prompts

CLEAR = 0.02
"""Noise level of the picture."""
SHIFT = 3.0
"""Of the noise levels of the sound: where a sound begins is settled early."""


@dataclass(frozen=True)
class Case:
    """Held-out clips of one shape, and their prompts; the second half of the prompts is empty."""

    video: Tensor
    audio: Tensor
    black: Tensor
    context: Context
    mask: ContextMask
    fps: int


def case_of(components: Components, count: int, seconds: float) -> Case:
    """Render held-out scenes and encode them."""
    found = held_out_prompts(count)
    clips = [true_clip(replace(scene, aspect_ratio="1:1"), seconds) for _, scene in found]
    pixels = torch.stack([pixels for pixels, _, _ in clips])
    waves = torch.stack([wave for _, wave, _ in clips])
    shape = clips[0][2]
    waves = nn.functional.pad(waves, (0, shape.num_audio_tokens * 1024 - waves.shape[-1]))
    prompts = [prompt for prompt, _ in found] + [""] * count
    context, mask = components.text_encoder.encode_text(prompts)
    return Case(
        video=components.video_vae.encode(pixels),
        audio=components.audio_vae.encode(waves),
        black=components.video_vae.encode(torch.full_like(pixels[:1], -1.0)),
        context=context,
        mask=mask,
        fps=shape.fps,
    )


def sound_for(components: Components, case: Case, rule: Guidance, steps: int) -> Tensor:
    """Latents of a sound for every picture."""
    count = len(case.video)
    draws = [
        torch.randn(like.shape, generator=generator(0, name))
        for name, like in (("video", case.video), ("audio", case.audio))
    ]
    known = torch.zeros(count, *case.video.shape[2:], dtype=torch.bool)
    picture = video_branch(
        (1 - CLEAR) * case.video + CLEAR * draws[0],
        *(case.black.expand_as(case.video), known),
        fps=case.fps,
        patch=components.patch,
    )

    def twice(branch: BranchInput) -> BranchInput:
        return replace(
            branch,
            tokens=repeat(branch.tokens, "b n p -> (r b) n p", r=2),
            positions=repeat(branch.positions, "b n a -> (r b) n a", r=2),
        )

    noisy = draws[1]
    levels = sampling_sigmas(steps, shift=SHIFT)
    for level, after in itertools.pairwise(levels):
        sound, both = audio_branch(noisy), 2 * count
        level_of = Joint(torch.full((both,), CLEAR), torch.full((both,), float(level)))
        made = components.mmdit(
            Joint(twice(picture), twice(sound)), case.context, case.mask, level_of
        ).audio
        seeing, without = audio_latents_from(made).chunk(2)
        velocity = combine(Joint(None, seeing), Joint(None, without), rule).audio
        assert velocity is not None
        if rule.sync != 1:
            alone = components.mmdit(
                Joint(None, sound), case.context[:count], case.mask[:count], level_of.audio[:count]
            ).audio
            velocity = follow(velocity, seeing, audio_latents_from(alone), rule)
        noisy = noisy + (after - level) * velocity
    return noisy


def onsets_of(components: Components, latents: Tensor) -> list[list[float]]:
    """Seconds at which sounds begin, a list a clip."""
    return [[o.time_s for o in detect_onsets(w)] for w in components.audio_vae.decode(latents)]


def main() -> None:
    """Make the sound with every pair of scales; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--audio-guidance", type=float, nargs="+", default=[4.0, 2.0])
    parser.add_argument("--sync-guidance", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    components = Components.load(options.model)
    with torch.inference_mode():
        case = case_of(components, options.clips, options.seconds)
        wanted = onsets_of(components, case.audio)
        total = sum(map(len, wanted))
        print(f"true sounds a clip: {total / len(wanted):.2f}")
        print("audio guidance  sync guidance  sounds a clip  found  true  median error")
        for audio in options.audio_guidance:
            for sync in options.sync_guidance:
                rule = Guidance(scales=Joint(1.0, audio), sync=sync)
                made = onsets_of(components, sound_for(components, case, rule, options.steps))
                matches = [
                    match_times(*pair, TOLERANCE_S) for pair in zip(wanted, made, strict=True)
                ]
                found, count = sum(len(m.pairs) for m in matches), sum(map(len, made))
                error = median([abs(d) for m in matches for d in m.offsets_s])
                print(
                    f"{audio:14g}{sync:15g}{count / len(made):15.2f}{found / total:7.2f}"
                    f"{found / max(count, 1):6.2f}{1000 * error:11.0f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
