"""The twin MMDiT of SkyReels-V4 (arXiv 2602.21818, sec. 3.1)."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from openreels.core.arrays import Context, ContextMask, PerSample
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.block import Hidden, Surroundings
from openreels.models.mmdit.branch import Branch
from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.initial import initialise
from openreels.models.mmdit.skip import with_skip
from openreels.nn.attention import key_mask
from openreels.nn.cubes import SparsePattern, kept_cubes
from openreels.nn.embedding import SigmaEmbedding
from openreels.nn.grid_conv import GridConv
from openreels.nn.modulation import AdaLN, leading, with_clean
from openreels.nn.norm import layer_norm
from openreels.nn.rope import rotary_table


class MMDiT(nn.Module):
    """Predict the velocity of video and audio together.

    Twin branches run the same blocks side by side. In every block each branch attends over its
    tokens and its copy of the prompt, reads the prompt again, then audio reads video and video
    reads the audio that just did (eq. 5). A branch whose input is None is not run, and neither is
    the reading of it; with ``config.audio_channels`` of 0 there is no audio branch at all.

    Not given by the paper: the prompt enters each branch through a parameter-free layer norm and a
    linear layer; the noise embedding is shared by the branches, and the mean of the prompt is added
    to it, as in Esser et al. 2024 (arXiv 2403.03206), so that modulation knows the prompt too.
    With ``config.skip`` the velocity of a token is ``((2 s - 1) noisy + r output) / r^2`` with
    ``r^2 = s^2 + (1 - s)^2`` at noise level ``s``: for data of unit variance the first term is the
    best linear guess and ``output`` has unit variance at every level, as in the preconditioning of
    Karras et al. 2022 (arXiv 2206.00364), so that the blocks need not carry all of the noise.

    References stand in context (sec. 3.3): tokens with a tag. Not given by the paper: how the
    network is told that they carry no noise, and which name of the prompt means which of them. Here
    they are modulated as at noise level 0, which needs no parameters, and with ``num_tags`` a
    learned vector a reference is added to its tokens and to the prompt's tokens of the same tag, in
    both branches.

    No gradient goes through a video branch whose parameters are all frozen: it reads the audio, but
    what the audio learns then is to read a video that is given.

    Args:
        config: Sizes.
        generator: CPU source of the initial weights; None takes the global one.
    """

    def __init__(self, config: MMDiTConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.sigma_embedding = SigmaEmbedding(config.width)
        self.context_pool = nn.Linear(config.context_width, config.width)
        near = None
        if config.near_width:
            near = GridConv(
                *(config.video_in, config.width),
                hidden=config.near_width,
                depth=config.near_depth,
                num_truths=config.video_truths,
            )
        self.video = Branch(
            config,
            num_in=config.video_in,
            num_out=config.video_out,
            num_truths=config.video_truths,
            gated=config.coarse_gate,
            near=near,
        )
        self.audio = None
        if config.has_audio:
            self.audio = Branch(
                config,
                num_in=config.audio_channels,
                num_out=config.audio_channels,
                num_truths=config.audio_truths,
            )
        self.tag_table = (
            nn.Parameter(torch.zeros(config.num_tags, config.width)) if config.num_tags else None
        )
        initialise(self, generator)

    def forward(
        self,
        inputs: Joint[BranchInput | None],
        context: Context,
        context_mask: ContextMask,
        sigma: PerSample | Joint[PerSample],
        context_tags: Int[Tensor, "b n"] | None = None,
        *,
        sparsity: float | None = None,
    ) -> Joint[Float[Tensor, "b n p"] | None]:
        """Predict velocities, a token for a token.

        Args:
            inputs: Tokens and positions of each branch; None for a branch that is absent.
            context: Prompt tokens of the frozen encoder, the same for both branches.
            context_mask: True where a prompt token may be attended; padding changes nothing.
            sigma: Noise level in [0, 1] of each sample, the same for both branches (eq. 6); or one
                for each branch, which is ours.
            context_tags: Number of the reference that a prompt token belongs to; 0 is none, as is
                None for all.
            sparsity: Share of the video cubes that the attention from video to video leaves out,
                in [0, 1); None is the config's.

        Returns:
            Velocity (noise - clean) of every token, ``video_out`` and ``audio_channels`` wide;
            None for an absent branch. What stands at tokens that may not be attended or belong to
            a reference is undefined.

        Raises:
            ValueError: If both branches are absent, a token has the wrong width, or sparse
                attention is asked for without a grid.
        """
        out = self.with_truths(
            inputs, context, context_mask, sigma, context_tags, sparsity=sparsity
        )
        return out[0]

    def with_truths(
        self,
        inputs: Joint[BranchInput | None],
        context: Context,
        context_mask: ContextMask,
        sigma: PerSample | Joint[PerSample],
        context_tags: Int[Tensor, "b n"] | None = None,
        *,
        sparsity: float | None = None,
    ) -> tuple[Joint[Float[Tensor, "b n p"] | None], Joint[Float[Tensor, "b n k"] | None]]:
        """Predict velocities, and tell half-way what is true of the tokens.

        Args:
            inputs: As for ``forward``, like all that follow.
            context: Prompt tokens.
            context_mask: True where a prompt token may be attended.
            sigma: Noise levels.
            context_tags: Numbers of references of the prompt tokens.
            sparsity: Share of cubes left out.

        Returns:
            The velocities, and logits of the truths of every token; None for an absent branch or
            where the network tells nothing.
        """
        self._check(inputs, context)
        pattern = self._pattern(inputs.video, sparsity)
        before = 0 if pattern is None or inputs.video is None else inputs.video.grid_start
        if before and inputs.video is not None:
            # Sparse attention takes the grid first; order means nothing to everything else.
            inputs = Joint(inputs.video.turned(before), inputs.audio)
        prompt = self._pool(context, context_mask)
        levels = sigma if isinstance(sigma, Joint) else Joint(sigma, sigma)
        features = Joint(seeing := self.sigma_embedding(levels.video) + prompt, seeing)
        if levels.audio is not levels.video:
            features = Joint(seeing, self.sigma_embedding(levels.audio) + prompt)
        visible = None if bool(context_mask.all()) else context_mask
        around = inputs.map(
            lambda one: (
                None
                if one is None
                else self._look(one, context, visible, pattern if one is inputs.video else None)
            )
        )
        still = None
        if any(one is not None and one.tags is not None for one in (inputs.video, inputs.audio)):
            still = self.sigma_embedding(torch.zeros_like(levels.video)) + prompt
        prompt_in = (context, None if context_tags is None else self._tag_vectors(context_tags))
        video, video_ada = self._enter(self.video, inputs.video, prompt_in, (features.video, still))
        audio, audio_ada = self._enter(self.audio, inputs.audio, prompt_in, (features.audio, still))
        states, told = self._blocks(Joint(video, audio), around, Joint(video_ada, audio_ada))
        velocity = Joint(
            None if states.video is None else self.video.head(states.video.tokens, features.video),
            None
            if states.audio is None or self.audio is None
            else self.audio.head(states.audio.tokens, features.audio),
        )
        if self.config.skip:
            velocity = with_skip(velocity, inputs, levels, self.config)
        return _turned_back(velocity, before), _turned_back(told, before)

    def near_truths(
        self,
        video: BranchInput,
        context: Context,
        context_mask: ContextMask,
        sigma: PerSample,
    ) -> Float[Tensor, "b m k"] | None:
        """Tell what is true of the tokens of the clip from what is near them, before all blocks.

        A few convolutions learn in minutes where things touch, which attention takes hours for; so
        they can be trained alone before the rest learns to use them. Ours.

        Args:
            video: Tokens with the grid of the clip.
            context: Prompt tokens.
            context_mask: True where a prompt token may be attended.
            sigma: Noise levels of the video.

        Returns:
            Logits of the truths; None for a network without such convolutions or truths.
        """
        features = self.sigma_embedding(sigma) + self._pool(context, context_mask)
        return self.video.tell_near(video, features)

    def _blocks(
        self,
        states: Joint[Hidden | None],
        around: Joint[Surroundings | None],
        modulations: Joint[list[tuple[list[AdaLN], list[AdaLN]]]],
    ) -> tuple[Joint[Hidden | None], Joint[Tensor | None]]:
        """Run the blocks of both branches; return the last states and what the tokens told."""
        video, audio = states.video, states.audio
        seen, heard = around.video, around.audio
        told: Joint[Tensor | None] = Joint(None, None)
        is_given = not any(parameter.requires_grad for parameter in self.video.parameters())
        for index in range(self.config.depth):
            told = self._tell(index, told, Joint(video, audio))
            see = self.video.block(index)
            hear = see if self.audio is None else self.audio.block(index)
            if video is not None and seen is not None:
                ada, text_ada = modulations.video[index]
                video = see.read_text(video, seen, ada=ada, text_ada=text_ada)
            if audio is not None and heard is not None:
                ada, text_ada = modulations.audio[index]
                audio = hear.read_text(audio, heard, ada=ada, text_ada=text_ada)
            if video is not None and seen is not None and audio is not None and heard is not None:
                old, ada = audio, modulations.audio[index][0]
                audio = hear.read_partner(audio, video, (heard, seen), ada[2])
                partner = audio if self.config.video_reads == "updated" else old
                if is_given:
                    partner = Hidden(partner.tokens.detach(), partner.text)
                ada = modulations.video[index][0]
                video = see.read_partner(video, partner, (seen, heard), ada[2])
            if video is not None:
                ada, text_ada = modulations.video[index]
                video = see.think(video, ada=ada, text_ada=text_ada)
            if audio is not None:
                ada, text_ada = modulations.audio[index]
                audio = hear.think(audio, ada=ada, text_ada=text_ada)
        states = Joint(video, audio)
        return states, self._tell(self.config.depth, told, states)

    def _tell(
        self, index: int, told: Joint[Tensor | None], states: Joint[Hidden | None]
    ) -> Joint[Tensor | None]:
        """What the tokens have told so far, before the block of that index."""
        blocks, video, audio = self.config.truth_blocks, told.video, told.audio
        if states.video is not None and index == blocks.video:
            video = self.video.tell(states.video.tokens)
        if states.audio is not None and self.audio is not None and index == blocks.audio:
            audio = self.audio.tell(states.audio.tokens)
        return Joint(video, audio)

    def _pool(self, context: Context, context_mask: ContextMask) -> Float[Tensor, "b w"]:
        weight = context_mask.to(context.dtype).unsqueeze(-1)
        mean = (layer_norm(context) * weight).sum(1) / weight.sum(1).clamp_min(1)
        return nn.functional.silu(self.context_pool(mean))

    def _enter(
        self,
        branch: Branch | None,
        given: BranchInput | None,
        prompt: tuple[Context, Float[Tensor, "b n w"] | None],
        features: tuple[Float[Tensor, "b w"], Float[Tensor, "b w"] | None],
    ) -> tuple[Hidden | None, list[tuple[list[AdaLN], list[AdaLN]]]]:
        if given is None or branch is None:
            return None, []
        context, text_tags = prompt
        seen = given.tokens
        if branch is self.video and not self.config.channel_concat:
            seen = self._noisy_alone(seen)
        tokens, text = branch.enter(seen, context)
        tokens = branch.look_around(tokens, given, seen, features[0])
        ada = branch.modulations(features[0])
        if given.tags is not None and features[1] is not None:
            where = leading(given.tags > 0, given.attendable)
            ada = [
                ([with_clean(*both, where) for both in zip(own, clean, strict=True)], text)
                for (own, text), (clean, _) in zip(
                    ada, branch.modulations(features[1]), strict=True
                )
            ]
            tags = self._tag_vectors(given.tags)
            tokens = tokens if tags is None else tokens + tags
        return Hidden(tokens, text if text_tags is None else text + text_tags), ada

    def make_names(self, count: int) -> None:
        """Make room for the names of references in a network without; nothing else changes.

        Args:
            count: How many there may be; their vectors are zero.

        Raises:
            ValueError: If there are names already.
        """
        if self.tag_table is not None:
            raise ValueError(f"the network must have no names, it has {self.config.num_tags}")
        like = self.sigma_embedding.up.weight
        self.config = replace(self.config, num_tags=count)
        self.tag_table = nn.Parameter(like.new_zeros(count, self.config.width))

    def _tag_vectors(self, tags: Int[Tensor, "b n"]) -> Float[Tensor, "b n w"] | None:
        """What names a reference, zero for tag 0; None if the network knows no names."""
        if self.tag_table is None:
            return None
        table = self.tag_table
        return nn.functional.embedding(tags, torch.cat([torch.zeros_like(table[:1]), table]))

    def _noisy_alone(self, tokens: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
        """Video tokens with zeros in the channels I and M of eq. 7."""
        cells = self.config.patch**2
        parts = tokens.unflatten(-1, (cells, -1))
        noisy = torch.arange(parts.shape[-1], device=parts.device) < self.config.video_out // cells
        return (parts * noisy).flatten(2)

    def _pattern(self, given: BranchInput | None, sparsity: float | None) -> SparsePattern | None:
        share = self.config.sparsity if sparsity is None else sparsity
        if given is None or not (share or self.config.coarse_gate):
            return None
        if given.grid is None:
            raise ValueError("sparse attention needs the grid of the video tokens, got None")
        dense = SparsePattern(grid=given.grid, top_k=1)
        if given.grid_start + dense.num_tokens > given.tokens.shape[1]:
            raise ValueError(
                f"a grid of {dense.num_tokens} tokens after {given.grid_start} others needs as "
                f"many, got {given.tokens.shape[1]} video tokens"
            )
        return SparsePattern(grid=given.grid, top_k=kept_cubes(dense.num_cubes, share))

    def _look(
        self,
        given: BranchInput,
        context: Context,
        visible: Bool[Tensor, "b n"] | None,
        pattern: SparsePattern | None,
    ) -> Surroundings:
        config = self.config
        num_axes = given.positions.shape[-1]
        factor = config.audio_time_factor if num_axes == 1 else 1.0
        units = given.positions.float() * given.positions.new_tensor(
            [config.time_scale * factor, 1.0, 1.0][:num_axes]
        )
        clock = rotary_table(units[..., :1], [config.head_width], [config.time_theta])
        if units.shape[-1] == 1:
            own = clock
        else:
            thetas = [config.time_theta, config.space_theta, config.space_theta]
            own = rotary_table(units, config.rope_widths, thetas)
        origin = torch.ones(*context.shape[:2], *own.shape[2:], dtype=own.dtype, device=own.device)
        joint = None
        if visible is not None or given.attendable is not None:
            parts = [
                torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if seen is None else seen
                for x, seen in ((given.tokens, given.attendable), (context, visible))
            ]
            joint = torch.cat(parts, dim=1)
        return Surroundings(
            rotary=torch.cat([own, origin], dim=1),
            clock=clock,
            joint_keys=key_mask(joint),
            token_keys=key_mask(given.attendable),
            text_keys=key_mask(visible),
            pattern=pattern,
        )

    def _check(self, inputs: Joint[BranchInput | None], context: Context) -> None:
        config = self.config
        if inputs.video is None and inputs.audio is None:
            raise ValueError("at least one branch must be present, got None for both")
        for name, given, num_channels, num_axes in (
            ("video", inputs.video, config.video_in, 3),
            ("audio", inputs.audio, config.audio_channels, 1),
        ):
            if given is None:
                continue
            if not num_channels:
                raise ValueError(f"this network has no {name} branch, got tokens for it")
            got = (given.tokens.shape[-1], given.positions.shape[-1])
            if got != (num_channels, num_axes):
                raise ValueError(
                    f"{name} tokens must have {num_channels} channels and {num_axes} position "
                    f"axes, got {got[0]} and {got[1]}"
                )
        if context.shape[-1] != config.context_width:
            raise ValueError(
                f"context must have {config.context_width} channels, got {context.shape[-1]}"
            )


def _turned_back(values: Joint[Tensor | None], by: int) -> Joint[Tensor | None]:
    """Put what stands before the grid of the video back to the start."""
    if not by or values.video is None:
        return values
    return Joint(values.video.roll(by, 1), values.audio)
