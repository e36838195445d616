"""Named tensor types. Axis letters are the same in annotations and einops patterns.

``b`` sample; ``f h w`` latent frames, rows, columns; ``F H W`` the same in pixels; ``c`` channels;
``n`` tokens; ``d`` width; ``k`` heads; ``e`` head width; ``l`` latent audio frames (tokens);
``s`` audio samples.
"""

from typing import TypeAlias

from jaxtyping import Bool, Float
from torch import Tensor

Pixels: TypeAlias = Float[Tensor, "b 3 F H W"]
"""Video in [-1, 1]; -1 is black."""
PixelMask: TypeAlias = Bool[Tensor, "b F H W"]
"""True where the pixel is given (known)."""
VideoLatents: TypeAlias = Float[Tensor, "b c f h w"]
"""Normalised video latents, about unit variance."""
LatentMask: TypeAlias = Bool[Tensor, "b f h w"]
"""True where the latent is given (known)."""
Waveform: TypeAlias = Float[Tensor, "b 2 s"]
"""Stereo sound in [-1, 1] at 44.1 kHz."""
AudioLatents: TypeAlias = Float[Tensor, "b c l"]
"""Normalised audio latents, about unit variance."""
Context: TypeAlias = Float[Tensor, "b n d"]
"""Prompt tokens of the frozen encoder."""
ContextMask: TypeAlias = Bool[Tensor, "b n"]
"""True where a prompt token may be attended."""
PerSample: TypeAlias = Float[Tensor, " b"]
"""One number a sample, e.g. its noise level."""
