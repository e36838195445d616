import torch
from torch.testing import assert_close

from openreels.nn.causal_conv import CausalConv, PointwiseConv


def test_pointwise_is_a_linear_map_of_the_last_axis():
    pointwise = PointwiseConv(5, 3)
    x = torch.randn(2, 3, 4, 2, 5)
    weight = pointwise.conv.weight[:, :, 0, 0]
    assert_close(pointwise(x), x @ weight.T + pointwise.conv.bias, atol=1e-5, rtol=1e-5)


def test_equals_a_three_dimensional_convolution_with_a_causal_kernel():
    conv = CausalConv(4, 6)
    kernel = torch.zeros(6, 4, 2, 3, 3)
    kernel[:, :, 1] = conv.space.weight
    kernel[:, :, 0, 1, 1] = conv.past.conv.weight[:, :, 0, 0]
    x = torch.randn(2, 5, 6, 7, 4)
    ahead = torch.nn.functional.pad(x.permute(0, 4, 1, 2, 3), (1, 1, 1, 1, 1, 0))
    whole = torch.nn.functional.conv3d(ahead, kernel, conv.space.bias)
    assert_close(conv(x)[0], whole.permute(0, 2, 3, 4, 1), atol=1e-5, rtol=1e-5)


def test_pieces_of_a_stream_equal_the_whole():
    conv = CausalConv(4, 4)
    x = torch.randn(1, 7, 3, 3, 4)
    pieces, carried = [], None
    for piece in x.split((1, 2, 1, 3), dim=1):
        out, carried = conv(piece, carried)
        pieces.append(out)
    assert_close(torch.cat(pieces, dim=1), conv(x)[0], atol=1e-6, rtol=1e-5)


def test_without_looking_back_frames_do_not_see_each_other():
    conv = CausalConv(4, 4, looks_back=False)
    x = torch.randn(1, 3, 3, 3, 4)
    out, carried = conv(x)
    assert carried is None
    assert_close(out[:, 1:2], conv(x[:, 1:2])[0], atol=1e-6, rtol=1e-5)
