"""From a request and its media to what the network sees: ``Conditions``."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.conditions import Conditions, Given
from openreels.conditioning.masks import latent_known, nothing_known
from openreels.conditioning.material import Material
from openreels.conditioning.plans import Plan, black_frames, plan
from openreels.conditioning.prompts import media_of, message_of
from openreels.conditioning.references import (
    SOURCE,
    References,
    pack_audio,
    pack_video,
    tag_numbers,
)
from openreels.conditioning.showing import Heard, Shown, heard, shown
from openreels.conditioning.tokens import given_latents
from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.joint import Joint
from openreels.core.protocols import (
    AudioCodec,
    Conditioner,
    TextPart,
    VideoCodec,
)
from openreels.core.request import GenerationRequest
from openreels.core.shapes import SAMPLES_PER_TOKEN, TEMPORAL_STRIDE
from openreels.media.clip import pixels_of


@runtime_checkable
class PromptReader(Conditioner, Protocol):
    """A ``Conditioner`` that can be told at run time."""


@runtime_checkable
class FrameCodec(VideoCodec, Protocol):
    """A ``VideoCodec`` that can be told at run time."""


@runtime_checkable
class SoundCodec(AudioCodec, Protocol):
    """An ``AudioCodec`` that can be told at run time."""


@runtime_checkable
class Encoders(Protocol):
    """The frozen networks that conditions are made with."""

    @property
    def text_encoder(self) -> PromptReader:
        """Prompts to context."""
        ...

    @property
    def video_vae(self) -> FrameCodec:
        """Pixels to latents."""
        ...

    @property
    def audio_vae(self) -> SoundCodec:
        """Sound to latents."""
        ...


def build(
    request: GenerationRequest,
    encoders: Encoders,
    material: Material,
    *,
    num_tags: int = 0,
    device: str | torch.device = "cpu",
) -> Conditions:
    """Turn a request into what the network sees.

    Lengths: ``duration_s`` is the length of the clip; for an extension it is the length of the new
    part; an edit and a clip after a reference clip have the length of that.

    Args:
        request: A valid request.
        encoders: Frozen networks.
        material: What the request's files hold.
        num_tags: References that the transformer tells apart; 0 if it was trained without.
        device: Where the networks are; latents and context stay there.

    Returns:
        Conditions for one clip.

    Raises:
        ValueError: If the media do not fit the request.
    """
    laid = plan(request, material)
    numbers = tag_numbers(request.tags, source=laid.changed is not None, num_tags=num_tags)
    kept = laid.around.sound is not None and not request.extend
    sound = request.sound and laid.task.sound and not kept and request.kind != "image"
    seen = _encode_shown(shown(request, material, laid, numbers), encoders.video_vae, device)
    sounds = heard(request, material, numbers) if sound else ()
    noises = _encode_heard(sounds, encoders.audio_vae, device)
    message = message_of(
        request.prompt,
        numbers,
        voiced=[file.tag for file in (*request.voices, *request.audio_refs)] if sound else (),
        media=media_of(seen, noises),
    )
    messages = [message, (TextPart(request.negative_prompt),)]
    context, context_mask = encoders.text_encoder.encode(messages)
    video: References | None = pack_video(seen) if seen and laid.task.video else None
    audio: References | None = pack_audio(noises) if noises else None
    return Conditions(
        task=laid.task,
        shape=laid.shape,
        sound=sound,
        context=context,
        context_mask=context_mask,
        context_tags=encoders.text_encoder.tags(messages).to(context.device),
        given=_encode(laid, encoders.video_vae, seen, device) if laid.task.video else None,
        around=laid.around,
        references=Joint(video, audio),
        notes=laid.notes + _unheard(request, sound=sound),
    )


def _unheard(request: GenerationRequest, *, sound: bool) -> tuple[str, ...]:
    if sound or not (request.voices or request.audio_refs):
        return ()
    return ("the sound of the given clip is kept, so voices and sounds are not used",)


def _encode_shown(
    parts: Sequence[Shown], codec: FrameCodec, device: str | torch.device
) -> list[tuple[Float[Tensor, "_ _ _ _ _"], int]]:
    return [(codec.encode(pixels_of(part.frames.numpy()).to(device)), part.tag) for part in parts]


def _encode_heard(
    parts: Sequence[Heard], codec: SoundCodec, device: str | torch.device
) -> list[tuple[Float[Tensor, "_ _ _"], int]]:
    found: list[tuple[Float[Tensor, "_ _ _"], int]] = []
    for part in parts:
        missing = -part.waveform.shape[1] % SAMPLES_PER_TOKEN
        whole: Tensor = torch.nn.functional.pad(part.waveform, (0, missing)).to(device)
        found.append((codec.encode(whole[None]), part.tag))
    return found


def still_latent(codec: FrameCodec, picture: Pixels, index: int) -> VideoLatents:
    """Encode a picture as the latent frame of one place in the clip.

    Not given by the paper: a latent after the first covers four frames, so a picture there is
    encoded as a clip in which nothing moves.

    Args:
        codec: Video autoencoder.
        picture: Clips of one frame.
        index: Latent frame that it is for; only whether it is the first matters.

    Returns:
        One latent frame.
    """
    count = 1 if index == 0 else TEMPORAL_STRIDE + 1
    return codec.encode(repeat(picture, "b c 1 H W -> b c t H W", t=count))[:, :, -1:]


def _encode(
    plan: Plan,
    codec: FrameCodec,
    seen: Sequence[tuple[Float[Tensor, "_ _ _ _ _"], int]],
    device: str | torch.device,
) -> Given:
    """Channels I and M of the clip.

    The source of an edit by instruction stands in I as well as before the clip, and none of it is
    given (ours): what an edit leaves alone need not be found again among the references.
    """
    black = codec.encode(pixels_of(black_frames(plan.shape).numpy()).to(device))
    pixels = nothing_known(plan.shape) if plan.known is None else plan.known
    known = latent_known(rearrange(pixels, "F H W -> 1 F H W")).to(device)
    clean = black if plan.clip is None else codec.encode(pixels_of(plan.clip.numpy()).to(device))
    imposed = known.clone()
    if plan.stills:
        clean = clean.clone()
    for index, image in plan.stills:
        picture = pixels_of(rearrange(image, "H W c -> 1 H W c").numpy()).to(device)
        clean[:, :, index : index + 1] = still_latent(codec, picture, index)
        imposed[:, index] = index == 0
    content = given_latents(clean, known, black)
    if plan.changed is not None:
        content = next(latents for latents, tag in reversed(seen) if tag == SOURCE)
    return Given(latents=content, known=known, imposed=imposed)
