"""Convolution of frames that looks back in time and never ahead.

Activations are ``b f h w d``: channels last, so that each frame is one image of a 2-D convolution
batched over samples and frames, and pointwise products are convolutions of size one. On CPUs both
run several times faster than 3-D convolutions of a single clip.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format


class PointwiseConv(nn.Module):
    """A linear map of the last axis.

    The same mathematics as ``nn.Linear``, computed as a convolution of size one, which has the
    faster kernel on CPUs.
    """

    def __init__(self, width_in: int, width_out: int, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 1, bias=bias)
        convert_conv2d_weight_memory_format(self.conv, torch.channels_last)

    def forward(self, x: Float[Tensor, "b f h w i"]) -> Float[Tensor, "b f h w o"]:
        """Map every position alone."""
        num_samples = x.shape[0]
        images = rearrange(x, "b f h w i -> (b f) i h w")
        return rearrange(self.conv(images), "(b f) o h w -> b f h w o", b=num_samples)


class CausalConv(nn.Module):
    """A 3x3 convolution of each frame plus a pointwise look at the frame before it.

    ``y[t] = conv3x3(x[t]) + pointwise(x[t - 1])``, with nothing before the first frame. A stack of
    ``n`` looks ``n`` frames back. The second term is what has to be remembered between pieces of a
    stream.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        looks_back: False leaves the second term out: frames do not see each other.
    """

    def __init__(self, width_in: int, width_out: int, *, looks_back: bool = True) -> None:
        super().__init__()
        self.space = nn.Conv2d(width_in, width_out, 3, padding=1)
        convert_conv2d_weight_memory_format(self.space, torch.channels_last)
        self.past = PointwiseConv(width_in, width_out, bias=False) if looks_back else None

    def forward(
        self, x: Float[Tensor, "b f h w i"], carried: Float[Tensor, "b 1 h w o"] | None = None
    ) -> tuple[Float[Tensor, "b f h w o"], Float[Tensor, "b 1 h w o"] | None]:
        """Convolve a piece of a stream.

        Args:
            x: The next frames.
            carried: What the call before returned for the frames before these; None at the start.

        Returns:
            The result, and what the next call is to be given.
        """
        images = rearrange(x, "b f h w i -> (b f) i h w")
        out = rearrange(self.space(images), "(b f) o h w -> b f h w o", b=x.shape[0])
        if self.past is None:
            return out, None
        seen = self.past(x)
        if carried is None:
            carried = torch.zeros_like(seen[:, :1])
        return out + torch.cat((carried, seen[:, :-1]), dim=1), seen[:, -1:]
