"""A trained detector of looks and voices: what no closed form reads from pixels and samples.

Frames to style, weather, place and light; pictures of one actor to material, face and effect; the
sound of a syllable to its voice and vowel. A measuring instrument, not part of the model. Ours.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import SoundProbe
from openreels.models.probe.world_config import WorldProbeConfig


@dataclass(frozen=True, slots=True)
class SceneReading:
    """Logits of what a whole clip shows."""

    style: Float[Tensor, "b styles"]
    weather: Float[Tensor, "b weathers"]
    place: Float[Tensor, "b places"]
    light: Float[Tensor, "b lights"]


@dataclass(frozen=True, slots=True)
class ActorReading:
    """Logits of what the pictures of one actor show."""

    material: Float[Tensor, "b materials"]
    face: Float[Tensor, "b faces"]
    """No face first, then the expressions."""
    effect: Float[Tensor, "b effects"]
    """No effect first, then the effects."""


def _down(first: int, second: int) -> nn.Sequential:
    """Half the resolution."""
    return nn.Sequential(
        nn.Conv2d(first, second, 3, stride=2, padding=1),
        nn.GroupNorm(4, second),
        nn.SiLU(),
        nn.Conv2d(second, second, 3, padding=1),
        nn.SiLU(),
    )


class _Frames(nn.Module):
    """Pictures of a clip -> what they have in common: mean and maximum over places and pictures."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            _down(3, width), _down(width, 2 * width), _down(2 * width, 2 * width)
        )

    def forward(self, pictures: Float[Tensor, "b n 3 h w"]) -> Float[Tensor, "b d"]:
        """Features of the clips."""
        seen = self.net(rearrange(pictures, "b n c h w -> (b n) c h w"))
        seen = rearrange(seen, "(b n) c h w -> b n c (h w)", b=pictures.shape[0])
        mean = seen.mean(3)
        return torch.cat([mean.mean(1), mean.amax(1), seen.amax(3).mean(1), mean.std(1)], 1)


class WorldProbe(nn.Module):
    """The networks that read looks and voices."""

    def __init__(self, config: WorldProbeConfig) -> None:
        super().__init__()
        self.config = config
        wide = 8 * config.width
        self.frames = _Frames(config.width)
        self.style = nn.Linear(wide, config.num_styles)
        self.weather = nn.Linear(wide, config.num_weathers)
        self.place = nn.Linear(wide, config.num_places)
        self.light = nn.Linear(wide, config.num_lights)
        self.crops = _Frames(config.width)
        self.material = nn.Linear(wide, config.num_materials)
        self.face = nn.Linear(wide, config.num_faces)
        self.effect = nn.Linear(wide, config.num_effects)
        self.syllable = SoundProbe(self.sound_config)

    @property
    def sound_config(self) -> ProbeConfig:
        """The sizes of the network that hears; its two words are voice and vowel."""
        return ProbeConfig(
            sound_width=self.config.sound_width,
            sound_bands=self.config.sound_bands,
            sound_frames=self.config.sound_frames,
            num_materials=self.config.num_voices,
            num_sizes=self.config.num_vowels,
        )

    def read_scene(self, frames: Float[Tensor, "b n 3 H W"]) -> SceneReading:
        """Read two or more frames of each clip, in [-1, 1]."""
        seen = self.frames(frames)
        return SceneReading(
            self.style(seen), self.weather(seen), self.place(seen), self.light(seen)
        )

    def read_actor(self, crops: Float[Tensor, "b n 3 s s"]) -> ActorReading:
        """Read two or more pictures of one actor of each clip, in [-1, 1]."""
        seen = self.crops(crops)
        return ActorReading(self.material(seen), self.face(seen), self.effect(seen))

    def read_syllable(
        self, levels: Float[Tensor, "n bands frames"]
    ) -> tuple[Float[Tensor, "n voices"], Float[Tensor, "n vowels"]]:
        """Logits of the voice and of the vowel of syllables."""
        return self.syllable(levels)
