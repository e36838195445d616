"""A prompt as the parts of a message: words, and references at the place of their handles."""

from collections.abc import Collection, Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.references import SOURCE
from openreels.core.prompt import SPOKEN, Prose, Span, encoder_text, parse, pieces
from openreels.core.protocols import AudioPart, ClipPart, ImagePart, Part, TextPart


def message_of(
    text: str,
    numbers: Mapping[str, int],
    *,
    voiced: Collection[str] = (),
    media: Mapping[int, Sequence[Part]] | None = None,
) -> tuple[Part, ...]:
    """Turn a prompt into a message for the prompt encoder.

    Words go as ``core.prompt.encoder_text`` leaves them. A handle that the request gives keeps its
    number, and what it names follows its first use. Not given by the paper, where a language model
    reads all handles: the words of speech and song carry the number of the voice that utters them,
    those of other spans that of the handle bound to them.

    Args:
        text: A valid prompt.
        numbers: Number of every handle that the request gives.
        voiced: Those with a voice.
        media: What each number shows or lets hear; what has no handle in the prompt comes last.

    Returns:
        Parts in order. Without references one part: the words.
    """
    left = dict(media or {})
    if not numbers and not left:
        return (TextPart(encoder_text(text)),)
    prompt = parse(text)
    voices = iter(prompt.voices(voiced))
    parts: list[Part] = []
    for piece in prompt.parts:
        if isinstance(piece, Prose):
            parts += _words(piece.text, numbers, left)
        elif piece.tag in SPOKEN:
            tag = numbers.get(next(voices) or "", 0)
            parts += [TextPart(piece.text, tag), *left.pop(tag, ())]
        elif piece.tag != "voice_ref":
            parts += _span(piece, numbers, left)
    return (*parts, *(part for some in left.values() for part in some))


def media_of(
    seen: Sequence[tuple[Float[Tensor, "1 _ _ _ _"], int]],
    noises: Sequence[tuple[Float[Tensor, "1 _ _"], int]],
) -> dict[int, list[Part]]:
    """Collect what references show and let hear, for ``message_of``.

    The source of an edit is not among it (ours): an instruction says what becomes of it, and the
    transformer sees it whole.

    Args:
        seen: Latents of pictures and clips with their numbers; of one frame is a picture.
        noises: Latents of sounds with theirs.

    Returns:
        Parts by number.
    """
    media: dict[int, list[Part]] = {}
    for latents, tag in seen:
        if tag == SOURCE:
            continue
        single = latents.shape[2] == 1
        part = ImagePart(latents[0, :, 0], tag) if single else ClipPart(latents[0], tag)
        media.setdefault(tag, []).append(part)
    for latents, tag in noises:
        media.setdefault(tag, []).append(AudioPart(latents[0], tag))
    return media


def _span(
    span: Span, numbers: Mapping[str, int], left: dict[int, Sequence[Part]]
) -> Sequence[Part]:
    tag = numbers.get(span.bound or "", 0)
    if tag:
        return [TextPart(span.text, tag), *left.pop(tag, ())]
    return [TextPart(span.text)] if span.tag == "text" else _words(span.text, numbers, left)


def _words(
    text: str, numbers: Mapping[str, int], left: dict[int, Sequence[Part]]
) -> Sequence[Part]:
    parts: list[Part] = []
    for piece, is_handle in pieces(text):
        tag = numbers.get(piece, 0) if is_handle else 0
        parts += [TextPart(piece, tag), *(left.pop(tag, ()) if tag else ())]
    return parts
