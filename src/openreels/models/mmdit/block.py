"""One block of one branch: joint self-attention, text, the other branch, feed-forward."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor, nn

from openreels.models.mmdit.config import MMDiTConfig
from openreels.nn.attention import CrossAttention, SelfProjection, attend
from openreels.nn.cubes import SparsePattern
from openreels.nn.mlp import MLP
from openreels.nn.modulation import AdaLN, add_gated, modulate
from openreels.nn.norm import layer_norm
from openreels.nn.rope import rotate
from openreels.nn.sparse_attention import CoarseGate, sparse_attend

NUM_SUBLAYERS = 4
"""Self-attention, text, partner, feed-forward: the order of modulations of a branch."""
NUM_TEXT_SUBLAYERS = 2
"""Self-attention, feed-forward: the order of modulations of the text of a dual block."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stays the same for all blocks of a branch during one forward."""

    rotary: Complex[Tensor, "b nt 1 r"]
    """Positions of the branch's tokens, then of its text, which stands at the origin."""
    clock: Complex[Tensor, "b n 1 r"]
    """Positions in time alone, over the whole head: what the branches have in common."""
    joint_keys: Bool[Tensor, "b 1 1 nt"] | None
    """What self-attention may see: tokens, then text; None means all."""
    token_keys: Bool[Tensor, "b 1 1 n"] | None
    """What the other branch may see; None means all."""
    text_keys: Bool[Tensor, "b 1 1 t"] | None
    """What text cross-attention may see; None means all."""
    pattern: SparsePattern | None = None
    """Which cubes of the branch's own tokens self-attention reads; None is dense attention."""


class Hidden(NamedTuple):
    """What travels through the blocks of a branch."""

    tokens: Float[Tensor, "b n d"]
    """Tokens of the modality."""
    text: Float[Tensor, "b t d"]
    """The branch's own copy of the prompt."""


class Stream(nn.Module):
    """Self-attention projections and feed-forward of one kind of token."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__()
        self.attention = SelfProjection(config.width, config.num_heads)
        self.mlp = MLP(config.width, config.mlp_width)


class Block(nn.Module):
    """One block of one branch (sec. 3.1, eq. 1-5).

    A dual block has a stream of its own for text; a single block runs both kinds of token through
    one stream. The network calls ``read_text`` in both branches, then ``read_partner`` in audio,
    then in video, then ``think`` in both.

    Not given by the paper: where the MLP sits (last), gates (adaLN-Zero), QK-norm (RMS) and what
    ``x_t`` of eq. 4 is in a block. Here it is the text as it enters the block, in dual and single
    blocks alike, normalised and modulated as for self-attention: eq. 4 writes it without the prime
    of eq. 3, and the normalised copy is there already.
    """

    def __init__(self, config: MMDiTConfig, *, dual: bool, gated: bool = False) -> None:
        super().__init__()
        self.modality = Stream(config)
        self.text = Stream(config) if dual else None
        self.text_attention = (
            CrossAttention(config.width, config.num_heads) if config.text_cross_attention else None
        )
        self.partner_attention = (
            CrossAttention(config.width, config.num_heads) if config.has_audio else None
        )
        self.coarse_gate = CoarseGate(config.width, config.num_heads) if gated else None

    def read_text(
        self, hidden: Hidden, around: Surroundings, *, ada: list[AdaLN], text_ada: list[AdaLN]
    ) -> Hidden:
        """Attend jointly over tokens and text (eq. 1-3), then from tokens to text (eq. 4)."""
        tokens = modulate(layer_norm(hidden.tokens), ada[0])
        text = modulate(layer_norm(hidden.text), text_ada[0])
        token_update, text_update = self._attend(tokens, text, around)
        tokens = add_gated(hidden.tokens, token_update, ada[0])
        if self.text_attention is not None:
            asked = modulate(layer_norm(tokens), ada[1])
            tokens = add_gated(tokens, self.text_attention(asked, text, around.text_keys), ada[1])
        return Hidden(tokens, add_gated(hidden.text, text_update, text_ada[0]))

    def read_partner(
        self,
        hidden: Hidden,
        partner: Hidden,
        arounds: tuple[Surroundings, Surroundings],
        ada: AdaLN,
    ) -> Hidden:
        """Attend from this branch's tokens to the other's on the one clock (eq. 5)."""
        if self.partner_attention is None:
            return hidden
        own, other = arounds
        update = self.partner_attention(
            modulate(layer_norm(hidden.tokens), ada),
            layer_norm(partner.tokens),
            other.token_keys,
            clocks=(own.clock, other.clock),
        )
        return Hidden(add_gated(hidden.tokens, update, ada), hidden.text)

    def think(self, hidden: Hidden, *, ada: list[AdaLN], text_ada: list[AdaLN]) -> Hidden:
        """Run the feed-forward part on tokens and text."""
        tokens = modulate(layer_norm(hidden.tokens), ada[3])
        text = modulate(layer_norm(hidden.text), text_ada[-1])
        if self.text is None:
            lengths = [tokens.shape[1], text.shape[1]]
            tokens, text = self.modality.mlp(torch.cat([tokens, text], dim=1)).split(lengths, 1)
        else:
            tokens, text = self.modality.mlp(tokens), self.text.mlp(text)
        return Hidden(
            add_gated(hidden.tokens, tokens, ada[3]), add_gated(hidden.text, text, text_ada[-1])
        )

    def _attend(
        self, tokens: Float[Tensor, "b n d"], text: Float[Tensor, "b t d"], around: Surroundings
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b t d"]]:
        lengths = [tokens.shape[1], text.shape[1]]
        if self.text is None:
            query, key, value = self.modality.attention(torch.cat([tokens, text], dim=1))
        else:
            pairs = zip(self.modality.attention(tokens), self.text.attention(text), strict=True)
            query, key, value = (torch.cat(pair, dim=1) for pair in pairs)
        query, key = rotate(query, around.rotary), rotate(key, around.rotary)
        if around.pattern is None:
            mixed = attend(query, key, value, around.joint_keys)
        else:
            grid = tokens[:, : around.pattern.num_tokens]
            gate = None if self.coarse_gate is None else self.coarse_gate(grid)
            mixed = sparse_attend(
                *(query, key, value, around.pattern), gate=gate, attendable=around.joint_keys
            )
        if self.text is None:
            token_update, text_update = self.modality.attention.out(mixed).split(lengths, 1)
            return token_update, text_update
        token_mixed, text_mixed = mixed.split(lengths, 1)
        return self.modality.attention.out(token_mixed), self.text.attention.out(text_mixed)
