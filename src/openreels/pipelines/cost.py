"""What one evaluation of the transformer costs: operations by part, parameters, memory.

Not given by the paper: sizes and costs of its networks. The formulas are those of ``models.mmdit``
as it is written here, and the tests count them on the network itself. One multiplication with its
addition is two operations (FLOPs), and matrix products alone are counted: norms, rotations and
activations are a per cent of them.
"""

from dataclasses import dataclass

from openreels.core.joint import Joint
from openreels.models.mmdit.block import NUM_SUBLAYERS, NUM_TEXT_SUBLAYERS
from openreels.models.mmdit.config import MMDiTConfig
from openreels.nn.cubes import CUBE_TOKENS, SparsePattern
from openreels.nn.embedding import NUM_SINUSOIDS
from openreels.nn.grid_conv import NEAR_TAPS

BYTES = {"bf16": 2, "fp32": 4}
"""Bytes of a number, by the name of its precision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """Tokens that the transformer sees."""

    video: int
    """Video tokens, keyframes and references included; 0 if the branch does not run."""
    audio: int
    """Audio tokens; 0 if the branch does not run."""
    text: int
    """Prompt tokens, padding included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flops:
    """Operations by part, of both branches."""

    self_products: int
    """Queries with keys and weights with values in joint self-attention; sparse or dense."""
    self_projections: int
    """Queries, keys, values and output of self-attention; the gates of sparse attention."""
    text_attention: int
    """Attention from tokens to text, projections and products (eq. 4)."""
    partner_attention: int
    """Attention between audio and video, both ways (eq. 5)."""
    mlp: int
    """Feed-forward part."""
    modulation: int
    """Noise level and mean prompt to shifts, scales and gates."""
    ends: int
    """Tokens and prompt into the width of the branch, what is near them, and out of it."""

    @property
    def total(self) -> int:
        """All parts."""
        return sum(getattr(self, name) for name in self.__slots__)

    def __add__(self, other: "Flops") -> "Flops":
        parts = {name: getattr(self, name) + getattr(other, name) for name in self.__slots__}
        return Flops(**parts)


def forward_flops(
    config: MMDiTConfig, lengths: Lengths, *, sparse: SparsePattern | None = None
) -> Flops:
    """Count the operations of one evaluation for one sample.

    With ``n`` tokens and ``t`` text tokens in a branch, ``m`` in the other, width ``d`` and MLP
    width ``f``, a block takes ``4 (n + t)^2 d`` for the products of self-attention,
    ``8 (n + t) d^2`` for its projections, ``4 (n + t) d^2 + 4 n t d`` to read the text,
    ``4 (n + m) d^2 + 4 n m d`` to read the other branch, ``4 (n + t) d f`` for the MLP.

    Args:
        config: Sizes of the network.
        lengths: Tokens; a branch with none is not run, nor read.
        sparse: The grid of video tokens whose self-attention is sparse, with a coarse gate in
            every block; None is dense attention.

    Returns:
        Operations by part.

    Raises:
        ValueError: If no branch has tokens, or the grid has more than there are.
    """
    if lengths.video < 1 and lengths.audio < 1:
        raise ValueError("at least one branch must have tokens, got none in both")
    if sparse is not None and sparse.num_tokens > lengths.video:
        raise ValueError(
            f"the grid must be part of the video tokens, got {sparse.num_tokens} of {lengths.video}"
        )
    width = config.width
    total = Flops(
        self_products=0,
        self_projections=0,
        text_attention=0,
        partner_attention=0,
        mlp=0,
        modulation=2 * width * (NUM_SINUSOIDS + width + config.context_width),
        ends=0,
    )
    if lengths.video:
        total += _branch_flops(config, lengths, audio=False, sparse=sparse)
    if lengths.audio:
        total += _branch_flops(config, lengths, audio=True, sparse=None)
    return total


def _branch_flops(
    config: MMDiTConfig, lengths: Lengths, *, audio: bool, sparse: SparsePattern | None
) -> Flops:
    width, depth, text = config.width, config.depth, lengths.text
    own, other = lengths.video, lengths.audio
    ends = config.video_in + config.video_out + config.video_truths
    if audio:
        own, other = other, own
        ends = 2 * config.audio_channels + config.audio_truths
    joint, square = own + text, 2 * width**2
    rows, text_rows = _modulation_rows(config)
    products, gates = 4 * joint**2 * width, 0
    if sparse is not None:
        products = sparse_flops(sparse, width=width, others=joint - sparse.num_tokens)
        gates = sparse.num_tokens * square
    near, near_rows = (0, 0) if audio else _near_flops(config)
    partner = 2 * (own + other) * square + 4 * own * other * width if other else 0
    return Flops(
        self_products=depth * products,
        self_projections=depth * (4 * joint * square + gates),
        text_attention=config.text_cross_attention
        * depth
        * (2 * joint * square + 4 * own * text * width),
        partner_attention=depth * partner,
        mlp=depth * 4 * joint * width * config.mlp_width,
        modulation=(rows + text_rows + 2) * square + near_rows,
        ends=2 * own * width * ends + 2 * text * width * config.context_width + own * near,
    )


def _near_flops(config: MMDiTConfig) -> tuple[int, int]:
    """Operations of the convolutions of what is near: a video token, and a sample.

    All video tokens are taken to stand on the grid; references and keyframes do not.
    """
    hidden, depth = config.near_width, config.near_depth
    if not hidden:
        return 0, 0
    convolutions = NEAR_TAPS * (config.video_in * hidden + (depth - 1) * hidden**2)
    return 2 * (convolutions + hidden * config.width), 2 * config.width * 2 * hidden * depth


def _modulation_rows(config: MMDiTConfig) -> tuple[int, int]:
    """Widths that the linear layers of the modulation give: of tokens, of text."""
    shared = config.modulation == "table"
    return (
        3 * NUM_SUBLAYERS * (1 if shared else config.depth),
        3 * NUM_TEXT_SUBLAYERS * (1 if shared else config.num_dual),
    )


def sparse_flops(pattern: SparsePattern, *, width: int, others: int) -> int:
    """Count the products of one sparse self-attention with a coarse gate.

    With ``u`` cubes of 64 places of which ``K`` are read, and ``a`` tokens beside the grid of
    ``g``: ``4 d (64 u)(64 K + a)`` for the cubes, ``4 d a (g + a)`` for the others, ``2 d u^2`` to
    score and ``4 d u^2`` for the coarse output. Empty places of ragged cubes are counted: they are
    computed. With all cubes kept the attention is dense, and nothing is scored.

    Args:
        pattern: The grid, and the cubes that are read.
        width: Width of the network.
        others: Tokens beside the grid that are dense, text included.

    Returns:
        Operations.
    """
    cubes, size = pattern.num_cubes, pattern.num_tokens
    coarse = 4 * width * cubes**2
    if pattern.is_dense:
        return 4 * width * (size + others) ** 2 + coarse
    fine = 4 * width * cubes * CUBE_TOKENS * (pattern.num_kept * CUBE_TOKENS + others)
    return fine + 4 * width * others * (size + others) + 2 * width * cubes**2 + coarse


def num_parameters(config: MMDiTConfig, branches: Joint[bool] | None = None) -> int:
    """Count the parameters of the transformer, or of one branch that runs alone.

    Args:
        config: Sizes of the network.
        branches: Which branches there are; None is those of the config. A lone branch has no layers
            that read the other.

    Returns:
        Parameters.
    """
    there = Joint(video=True, audio=config.has_audio) if branches is None else branches
    width = config.width
    shared = (NUM_SINUSOIDS + 1) * width + (width + 1) * width + (config.context_width + 1) * width
    shared += config.num_tags * width
    total, together = shared, there.video and there.audio
    if there.video:
        outs = config.video_out + config.video_truths
        total += _branch_parameters(config, config.video_in, outs, together=together)
        total += config.coarse_gate * config.depth * (width + 1) * width
        total += _near_parameters(config)
    if there.audio:
        outs = config.audio_channels + config.audio_truths
        total += _branch_parameters(config, config.audio_channels, outs, together=together)
    return total


def _near_parameters(config: MMDiTConfig) -> int:
    hidden, depth = config.near_width, config.near_depth
    if not hidden:
        return 0
    convolutions = NEAR_TAPS * (config.video_in * hidden + (depth - 1) * hidden**2) + depth * hidden
    modulation = (config.width + 1) * 2 * hidden * depth
    return convolutions + modulation + (hidden + 1) * (config.width + config.video_truths)


def _branch_parameters(config: MMDiTConfig, num_in: int, num_out: int, *, together: bool) -> int:
    width, head, depth = config.width, config.head_width, config.depth
    projections = 4 * (width + 1) * width + 2 * head
    mlp = (width + 1) * config.mlp_width + (config.mlp_width + 1) * width
    crossings = (1 if config.text_cross_attention else 0) + (1 if together else 0)
    blocks = depth * ((projections + mlp) + projections * crossings)
    blocks += config.num_dual * (projections + mlp)
    rows, text_rows = _modulation_rows(config)
    modulation = (rows + text_rows) * (width + 1) * width
    if config.modulation == "table":
        tables = depth * 3 * NUM_SUBLAYERS + config.num_dual * 3 * NUM_TEXT_SUBLAYERS
        modulation += tables * width
    ends = (num_in + 1) * width + (config.context_width + 1) * width
    ends += (width + 1) * 2 * width + (width + 1) * num_out
    return blocks + modulation + ends


def activation_bytes(
    config: MMDiTConfig, lengths: Lengths, *, rows: int = 1, number: int = 2
) -> int:
    """Estimate the memory beside the weights of one evaluation without gradients.

    With ``n`` tokens and ``t`` text tokens in a branch, each holds its hidden state, ``(n + t) d``
    numbers, its input and its tables of rotations (``8 e`` bytes a token, fp32 always). To that
    comes the fullest moment of the longer branch: ``8 d`` numbers a token in self-attention, which
    are its normalised input, queries, keys and values, normed and turned queries and keys; ``d``
    more where a dual block puts text and tokens together; ``4 d`` more in bf16, because rotations
    are done in fp32; or ``2 d + 2 f`` in the feed-forward part, if that is more.

    Args:
        config: Sizes of the network.
        lengths: Tokens.
        rows: Samples at once; 2 with guidance.
        number: Bytes of a number: 2 is bf16, 4 is fp32.

    Returns:
        Bytes. Workspaces of kernels and of sparse attention are not in it.
    """
    present = [count + lengths.text for count in (lengths.video, lengths.audio) if count]
    width = config.width
    turning = 8 + (config.num_dual > 0) + (4 if number < BYTES["fp32"] else 0)
    fullest = max(turning * width, 2 * width + 2 * config.mlp_width)
    given = lengths.video * config.video_in + lengths.audio * config.audio_channels
    numbers = sum(present) * width + max(present) * fullest + given
    return rows * (number * numbers + 8 * config.head_width * sum(present))
