"""What a run's network starts from: other weights, where they fit."""

import logging
from dataclasses import replace

import torch
from torch import Tensor, nn

from openreels.core.errors import CheckpointError
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.low_rank import NAMES
from openreels.training.config import TrainConfig

logger = logging.getLogger(__name__)
HEARD_TRUTHS = ("audio.truth.weight", "audio.truth.bias")
"""What reads truths off audio tokens; a run may ask for more of them than its start can tell."""
SEEN_TRUTHS = ("video.truth.weight", "video.truth.bias")
"""The same of video tokens, where a token is one latent cell."""
_LONGER = (*HEARD_TRUTHS, *SEEN_TRUTHS, "video.near.truth.weight", "video.near.truth.bias")


def start_as(network: MMDiT, start: MMDiT, config: TrainConfig) -> None:
    """Give a run's network the weights that it starts from.

    What these lack keeps its initial values: names of references, convolutions of what is near, and
    truths that come after those that they can tell.

    Args:
        network: Of the run; changed in place.
        start: Trained before.
        config: The run.

    Raises:
        CheckpointError: If they have another config where that is not allowed.
    """
    _check_start(start, config)
    state = network.state_dict()
    for name, value in start.state_dict().items():
        state[name] = _longer(value, state[name]) if name in _LONGER else value
    network.load_state_dict(state)


def _longer(known: Tensor, initial: Tensor) -> Tensor:
    return torch.cat([known, initial[len(known) :]])


def _check_start(network: MMDiT, config: TrainConfig) -> None:
    """Refuse weights of another config than the run's."""
    start, model = network.config, config.model
    # What costs no parameters may change: when the tokens tell what is true, and keyframes.
    same = ("keyframes", "residual", "truth_block", "audio_truth_block")
    may_be_new = config.lora is None or NAMES in config.lora.whole
    same += ("num_tags",) if may_be_new and not start.num_tags else ()
    whole = HEARD_TRUTHS + SEEN_TRUTHS if config.lora is None else config.lora.whole
    if set(HEARD_TRUTHS) <= set(whole) and 0 < start.audio_truths < model.audio_truths:
        same += ("audio_truths",)
    may_see = set(SEEN_TRUTHS) <= set(whole) and model.patch == 1
    if may_see and 0 < start.video_truths < model.video_truths:
        same += ("video_truths",)
    if config.lora is None:
        same += () if start.near_width else ("near_width",)
    if replace(start, **{name: getattr(model, name) for name in same}) != model:
        raise CheckpointError(
            f"init must have the config of the run, but for keyframes, when truths are told, more "
            f"audio_truths where these are trained, more video_truths where these are and patch is "
            f"1, and, where it has none, for near_width without lora and for num_tags without lora "
            f"or with a whole tag_table, got {start} in "
            f"{config.init}; set the run's model to it"
        )


def start_from(network: nn.Module, start: nn.Module) -> int:
    """Copy what two networks have in common: a refiner starts as the base (sec. 4.5).

    Args:
        network: Receives the weights whose name and shape the other has too.
        start: Where they come from.

    Returns:
        Numbers that were copied.
    """
    own, theirs = network.state_dict(), start.state_dict()
    shared = {
        name: value
        for name, value in theirs.items()
        if name in own and own[name].shape == value.shape
    }
    network.load_state_dict(own | shared)
    count = sum(value.numel() for value in shared.values())
    logger.info("%d of %d weights start as the base's", count, sum(v.numel() for v in own.values()))
    return count
