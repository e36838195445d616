"""Training of the part of the prompt encoder that reads pictures, clips and sounds.

Each becomes the words that a caption would have had in its place: colour, material and shape of a
subject, the place of an empty place, the style of a styled picture; what is done in a clip and in
which direction, an effect, a face; how high a voice is, mood and instrument of a piece, what is
heard around. What reads words stays as it was, bit for bit, so whatever was trained on words alone
knows what references say. Ours: the paper has a multimodal language model.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.media import SOUND_PAD, ClipReader, PictureReader, SoundReader
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.references import render_reference, render_still
from openreels.training.codecs import CodecPaths
from openreels.training.message_draws import (
    CLIP_WORDS,
    SOUND_WORDS,
    WORDS,
    draw_clip,
    draw_picture,
    draw_sound,
)
from openreels.training.networks import load_frozen, weights_path
from openreels.training.text_encoder import EncoderRecipe, EncoderTrainer
from openreels.weights.checkpoint import load_network

ReaderKind = Literal["image", "clip", "sound"]
"""Which reader of ``models.text_encoder.media.MediaIn``."""
SOUND_SHAPE = ClipShape(num_frames=1, height=64, width=64)
"""Of no meaning for a sound."""
VOCABULARY: dict[ReaderKind, tuple[str, ...]] = {
    "image": WORDS, "clip": CLIP_WORDS, "sound": SOUND_WORDS,
}  # fmt: skip
"""What the tokens of each kind may say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecipe(EncoderRecipe):
    """How the part for references is trained; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage_media)
    """The network; what reads words must be that of ``start``."""
    start: str = "shipped"
    """Weights of an encoder of words; what it has for references already goes on from there."""
    kinds: tuple[ReaderKind, ...] = ("image", "clip", "sound")
    """What is learnt to be read, in turn; the others stay as they are."""
    codecs: CodecPaths = field(default_factory=CodecPaths)
    """Whose latents are read."""
    seed: int = 17
    """Seed of new weights, references and draws."""
    num_steps: int = 2000
    """Optimiser steps of the whole schedule."""
    batch_size: int = 64
    """References a step, all of one kind."""
    fresh: int = 12
    """New pictures or sounds a step; the others are drawn from the last ``pool``."""
    fresh_clips: int = 4
    """The same of clips, which cost more to draw."""
    pool: int = 8192
    """References of a kind that are kept."""
    latent_noise: float = 0.1
    """Standard deviation of noise on latents, whose own is about 1."""
    temperature: float = 0.1
    """Of the choice between words, by the cosine of their vectors."""
    learning_rate: float = 2e-3
    """Peak of the cosine schedule."""

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError(f"kinds must be different ones and at least one, got {self.kinds}")


class MessageTrainer(EncoderTrainer):
    """An encoder of words with a part for references, which alone is trained.

    Args:
        recipe: How.

    Raises:
        ValueError: If the encoder does not read what is to be learnt.
    """

    def __init__(self, recipe: MessageRecipe) -> None:
        super().__init__(recipe)
        own = self.encoder.state_dict()
        before = load_network(weights_path("text_encoder", recipe.start), kind=PromptEncoder)
        known = {
            name: value
            for name, value in before.state_dict().items()
            if name in own and own[name].shape == value.shape
        }
        self.encoder.load_state_dict(own | known)
        self.messages = recipe
        self.encoder.requires_grad_(False)
        for kind in recipe.kinds:
            self.reader_of(kind).requires_grad_(True)
        self.parameters = [p for p in self.encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
        )
        self.vectors = {kind: vectors_of(self.encoder, VOCABULARY[kind]) for kind in recipe.kinds}
        self._known: dict[tuple[ReaderKind, int], tuple[Tensor, tuple[int, ...]]] = {}

    @cached_property
    def video(self) -> VideoVAE:
        """What pictures and clips are encoded with."""
        return load_frozen("video_vae", self.messages.codecs.video_vae, kind=VideoVAE)

    @cached_property
    def audio(self) -> AudioVAE:
        """What sounds are encoded with."""
        return load_frozen("audio_vae", self.messages.codecs.audio_vae, kind=AudioVAE)

    def reader_of(self, kind: ReaderKind) -> PictureReader | ClipReader | SoundReader:
        """What reads references of a kind."""
        media = self.encoder.media
        reader = None if media is None else getattr(media, kind)
        if reader is None:
            raise ValueError(
                f"encoder must read {kind}s to learn them, got one that does not; set "
                "image_channels, clip_tokens and audio_channels"
            )
        return reader

    def step(self) -> dict[str, float]:
        """Learn from one batch of one kind.

        Returns:
            The loss, and the share of words that are right.
        """
        recipe = self.messages
        turn, place = divmod(self.step_index, len(recipe.kinds))
        kind = recipe.kinds[place]
        new = recipe.fresh_clips if kind == "clip" else recipe.fresh
        end = recipe.batch_size + new * turn
        start = max(0, end - recipe.pool)
        source = generator(recipe.seed, "message step", self.step_index)
        fresh = list(range(max(start, end - new), end))
        count = recipe.batch_size - len(fresh)
        numbers = fresh + torch.randint(start, end, (count,), generator=source).tolist()
        for key in [key for key in self._known if key[0] == kind and key[1] < start]:
            del self._known[key]
        loss, right = self.loss(numbers, source, kind)
        self.descend(loss, self.parameters)
        return {f"{kind} words": loss.item(), f"{kind} right": right}

    def loss(
        self, numbers: list[int], source: torch.Generator, kind: ReaderKind = "image"
    ) -> tuple[Tensor, float]:
        """Error of the words of some references.

        Args:
            numbers: Which references.
            source: Source of the noise.
            kind: What they are.

        Returns:
            Nats a word plus the mean squared error of its vector, and the share of words that are
            nearest to what they should be.
        """
        shown = [self._reference(kind, number) for number in numbers]
        sizes: dict[torch.Size, list[int]] = {}
        for row, (latents, _) in enumerate(shown):
            sizes.setdefault(latents.shape, []).append(row)
        reader, vectors = self.reader_of(kind), self.vectors[kind]
        tokens, labels = list[Tensor](), list[tuple[int, ...]]()
        for rows in sizes.values():
            latents = torch.stack([shown[row][0] for row in rows])
            noise = torch.randn(latents.shape, generator=source)
            tokens.append(reader.read(latents + self.messages.latent_noise * noise))
            labels += [shown[row][1] for row in rows]
        made = self.encoder.norm_in(torch.cat(tokens))
        true: Int[Tensor, "b k"] = torch.tensor(labels)
        cosine = functional.normalize(made, dim=-1) @ functional.normalize(vectors, dim=-1).T
        nats = functional.cross_entropy(
            rearrange(cosine / self.messages.temperature, "b k w -> (b k) w"), true.flatten()
        )
        square = (made - vectors[true]).square().mean()
        right = (cosine.argmax(-1) == true).float().mean()
        return nats + square, float(right)

    @torch.no_grad()
    def _reference(self, kind: ReaderKind, number: int) -> tuple[Tensor, tuple[int, ...]]:
        """Latents of a reference, and the places of its words in the vocabulary."""
        key = (kind, number)
        if key not in self._known:
            latents, words = self._drawn(kind, number)
            self._known[key] = (latents, tuple(VOCABULARY[kind].index(word) for word in words))
        return self._known[key]

    def _drawn(self, kind: ReaderKind, number: int) -> tuple[Tensor, tuple[str, ...]]:
        seed = self.messages.seed
        if kind == "image":
            still, shape, words = draw_picture(seed, number)
            pixels = rearrange(render_still(still, shape), "c h w -> 1 c 1 h w")
            return self.video.encode(pixels)[0, :, 0].float(), words
        if kind == "clip":
            reference, shape, words = draw_clip(seed, number)
            clip = render_reference(reference, shape).clip
            if clip is None:
                raise ValueError(f"clip {number} must show something, got nothing")
            return self.video.encode(clip[None])[0].float(), words
        reference, words = draw_sound(seed, number)
        wave = render_reference(reference, SOUND_SHAPE).waveform
        if wave is None:
            raise ValueError(f"sound {number} must be heard, got nothing")
        latents = self.audio.encode(wave[None])[0].float()
        # Sounds of about one length are read together, as the reader pads them all the same.
        return functional.pad(latents, (0, -latents.shape[1] % SOUND_PAD)), words


@torch.no_grad()
def vectors_of(encoder: PromptEncoder, words: tuple[str, ...]) -> Float[Tensor, "w d"]:
    """What an encoder makes of single words before they know of each other."""
    vectors = [encoder.words(encoder.tokenizer([word]))[0, 0] for word in words]
    return torch.stack(vectors)
