"""Training of the part of the prompt encoder that reads pictures.

A picture becomes the words that a caption would have had in its place: colour, material and shape
of a subject, the place of an empty place, the style of a styled picture. What reads words stays as
it was, bit for bit, so whatever was trained on words alone knows what pictures say. Ours: the paper
has a multimodal language model.
"""

from dataclasses import dataclass, field, replace

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import ASPECT_RATIOS, ClipShape, coded_size
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.media import PictureReader
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae.model import VideoVAE
from openreels.stage import lexicon
from openreels.stage.dice import Dice
from openreels.stage.reference_views import place_picture, style_picture, subject_views
from openreels.stage.references import Still, render_still
from openreels.stage.scene import PLACES, Scene, Style
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.codecs import CodecPaths
from openreels.training.networks import load_frozen, weights_path
from openreels.training.text_encoder import TextRecipe, TextTrainer
from openreels.weights.checkpoint import load_network

_PART = "media."
"""What the names of all that reads pictures begin with."""
NOTHING = ""
"""The word of a token that has nothing to say: the empty prompt."""
STYLE_WORDS: dict[Style, tuple[str, str]] = {
    "paper-cut": ("paper", "cut"), "mosaic": ("brick", "mosaic"), "sketch": ("pencil", "sketch"),
}  # fmt: skip
"""What a styled picture says."""
_LOOKS = (lexicon.COLOUR_WORDS, lexicon.MATERIAL_ADJECTIVES, lexicon.SHAPE_WORDS)
WORDS: tuple[str, ...] = (
    *(words.common[0] for table in _LOOKS for words in table.values()),
    *PLACES,
    *(word for pair in STYLE_WORDS.values() for word in pair),
    NOTHING,
)
"""What a token of a picture may say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecipe:
    """How the part for pictures is trained; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage_media)
    """The network; what reads words must be that of ``start``."""
    start: str = "shipped"
    """Weights of an encoder of words; where it reads pictures already, as ``encoder`` would, that
    goes on."""
    codecs: CodecPaths = field(default_factory=CodecPaths)
    """Whose latents pictures are read from."""
    seed: int = 17
    """Seed of new weights, pictures and draws."""
    num_steps: int = 2000
    """Optimiser steps of the whole schedule."""
    batch_size: int = 64
    """Pictures a step."""
    fresh: int = 12
    """New pictures a step; the others are drawn from the last ``pool``."""
    pool: int = 8192
    """Pictures that are kept."""
    latent_noise: float = 0.1
    """Standard deviation of noise on latents, whose own is about 1."""
    temperature: float = 0.1
    """Of the choice between words, by the cosine of their vectors."""
    learning_rate: float = 2e-3
    """Peak of the cosine schedule."""
    log_every: int = 25
    """Steps between lines of the log."""
    save_every: int = 250
    """Steps between saved states."""


def draw_picture(seed: int, number: int) -> tuple[Still, ClipShape, tuple[str, ...]]:
    """Draw a picture that a reference may show.

    Args:
        seed: Of the world.
        number: Which picture; the same is always the same.

    Returns:
        Two thirds of the time an actor, else a place with nobody in it or a style; its size; and
        the three words that it stands for.
    """
    dice = Dice(generator(seed, "picture", number))
    ratio, kind = dice.one(tuple(ASPECT_RATIOS)), dice.uniform()
    if dice.uniform() < 0.5:
        ratio = "1:1"
    settings = WorldSettings(aspect_ratio=ratio, face_share=0.2)
    if kind > 0.8:
        settings = replace(settings, style_share=1.0)
    scene = sample_scene(derive_seed(seed, "pictured") % 2**31, number, settings=settings)
    height, width = coded_size(ratio, 64)
    shape = ClipShape(num_frames=1, height=height, width=width)
    if kind < 0.66:
        return subject_views(scene, 0, 1, number)[0], shape, words_of(scene, "subject")
    if kind > 0.8 and scene.style != "plain":
        return style_picture(scene, number), shape, words_of(scene, "style")
    return place_picture(scene, number), shape, words_of(scene, "place")


def words_of(scene: Scene, role: str) -> tuple[str, ...]:
    """The words of a picture: those of the first actor, of the place, or of the style."""
    if role == "subject":
        actor = scene.actors[0]
        return (
            lexicon.COLOUR_WORDS[actor.colour].common[0],
            lexicon.MATERIAL_ADJECTIVES[actor.material].common[0],
            lexicon.SHAPE_WORDS[actor.shape].common[0],
        )
    if role == "place":
        return (scene.place, NOTHING, NOTHING)
    return (*STYLE_WORDS[scene.style], NOTHING)


class MessageTrainer(TextTrainer):
    """An encoder of words with a new part for pictures, which alone is trained.

    Args:
        recipe: How.
    """

    def __init__(self, recipe: MessageRecipe) -> None:
        text = TextRecipe(
            encoder=recipe.encoder,
            seed=recipe.seed,
            num_steps=recipe.num_steps,
            learning_rate=recipe.learning_rate,
            log_every=recipe.log_every,
            save_every=recipe.save_every,
        )
        super().__init__(text)
        words = load_network(weights_path("text_encoder", recipe.start), kind=PromptEncoder)
        again = words.config == recipe.encoder
        known = {
            name: value
            for name, value in words.state_dict().items()
            if again or not name.startswith(_PART)
        }
        self.encoder.load_state_dict(self.encoder.state_dict() | known)
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_(name.startswith(_PART))
        self.parameters = [p for p in self.encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
        )
        self.messages = recipe
        self.video = load_frozen("video_vae", recipe.codecs.video_vae, kind=VideoVAE)
        self.vectors = vectors_of(self.encoder, WORDS)
        self._known: dict[int, tuple[Float[Tensor, "c h w"], tuple[int, ...]]] = {}

    @property
    def pictures(self) -> PictureReader:
        """What is trained."""
        media = self.encoder.media
        if media is None or media.image is None:
            raise ValueError("encoder must have image_channels to learn pictures, got 0; set them")
        return media.image

    def step(self) -> dict[str, float]:
        """Learn from one batch of pictures.

        Returns:
            The loss, and the share of words that are right.
        """
        recipe = self.messages
        end = recipe.batch_size + recipe.fresh * self.step_index
        start = max(0, end - recipe.pool)
        source = generator(recipe.seed, "message step", self.step_index)
        fresh = list(range(max(start, end - recipe.fresh), end))
        count = recipe.batch_size - len(fresh)
        numbers = fresh + torch.randint(start, end, (count,), generator=source).tolist()
        for number in [number for number in self._known if number < start]:
            del self._known[number]
        loss, right = self.loss(numbers, source)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.step_index += 1
        return {"words": loss.item(), "right": right}

    def loss(self, numbers: list[int], source: torch.Generator) -> tuple[Tensor, float]:
        """Error of the words of some pictures.

        Args:
            numbers: Which pictures.
            source: Source of the noise.

        Returns:
            Nats a word plus the mean squared error of its vector, and the share of words that are
            nearest to what they should be.
        """
        shown = [self._picture(number) for number in numbers]
        sizes: dict[torch.Size, list[int]] = {}
        for row, (latents, _) in enumerate(shown):
            sizes.setdefault(latents.shape, []).append(row)
        tokens, labels = list[Tensor](), list[tuple[int, ...]]()
        for rows in sizes.values():
            latents = torch.stack([shown[row][0] for row in rows])
            noise = torch.randn(latents.shape, generator=source)
            tokens.append(self.pictures.read(latents + self.messages.latent_noise * noise))
            labels += [shown[row][1] for row in rows]
        made = self.encoder.norm_in(torch.cat(tokens))
        true: Int[Tensor, "b k"] = torch.tensor(labels)
        cosine = functional.normalize(made, dim=-1) @ functional.normalize(self.vectors, dim=-1).T
        nats = functional.cross_entropy(
            rearrange(cosine / self.messages.temperature, "b k w -> (b k) w"), true.flatten()
        )
        square = (made - self.vectors[true]).square().mean()
        right = (cosine.argmax(-1) == true).float().mean()
        return nats + square, float(right)

    @torch.no_grad()
    def _picture(self, number: int) -> tuple[Float[Tensor, "c h w"], tuple[int, ...]]:
        if number not in self._known:
            still, shape, words = draw_picture(self.messages.seed, number)
            pixels = render_still(still, shape)
            latents = self.video.encode(rearrange(pixels, "c h w -> 1 c 1 h w"))[0, :, 0].float()
            self._known[number] = (latents, tuple(WORDS.index(word) for word in words))
        return self._known[number]


@torch.no_grad()
def vectors_of(encoder: PromptEncoder, words: tuple[str, ...]) -> Float[Tensor, "w d"]:
    """What an encoder makes of single words before they know of each other."""
    vectors = [encoder.words(encoder.tokenizer([word]))[0, 0] for word in words]
    return torch.stack(vectors)
