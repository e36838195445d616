"""The networks by name, for weights files; a row here makes a network loadable.

Classes are given as dotted paths and imported when asked for, so that reading one network does not
import the others.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkEntry:
    """Where a network and its config live."""

    config: str
    """``module:class`` of the config dataclass."""
    network: str
    """``module:class`` of the network; built as ``network(config)``, keeps it as ``.config``."""


NETWORKS: dict[str, NetworkEntry] = {
    "video_vae": NetworkEntry(
        config="openreels.models.video_vae.config:VideoVAEConfig",
        network="openreels.models.video_vae.model:VideoVAE",
    ),
    "audio_vae": NetworkEntry(
        config="openreels.models.audio_vae.config:AudioVAEConfig",
        network="openreels.models.audio_vae.model:AudioVAE",
    ),
    "text_encoder": NetworkEntry(
        config="openreels.models.text_encoder.config:PromptEncoderConfig",
        network="openreels.models.text_encoder.model:PromptEncoder",
    ),
    "mmdit": NetworkEntry(
        config="openreels.models.mmdit.config:MMDiTConfig",
        network="openreels.models.mmdit.model:MMDiT",
    ),
    "probe": NetworkEntry(
        config="openreels.models.probe.config:ProbeConfig",
        network="openreels.models.probe.model:StageProbe",
    ),
    "world_probe": NetworkEntry(
        config="openreels.models.probe.world_config:WorldProbeConfig",
        network="openreels.models.probe.world:WorldProbe",
    ),
}
"""Every network that has weights, by the name written into its files."""


def _entry(name: str) -> NetworkEntry:
    if name not in NETWORKS:
        raise ValueError(f"a network must be one of {', '.join(NETWORKS)}; got {name!r}")
    return NETWORKS[name]


def _import(path: str) -> Any:  # noqa: ANN401 a class known only by its path
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def config_class(name: str) -> type[Any]:
    """The config dataclass of a network.

    Raises:
        ValueError: If no network has that name.
    """
    return _import(_entry(name).config)


def network_class(name: str) -> type[nn.Module]:
    """The network class of a name.

    Raises:
        ValueError: If no network has that name.
    """
    return _import(_entry(name).network)


def name_of(network: nn.Module) -> str:
    """The name under which a network is registered.

    Raises:
        ValueError: If its class is not in the table.
    """
    for name, entry in NETWORKS.items():
        cls = type(network)
        if entry.network.partition(":")[2] == cls.__name__ and network_class(name) is cls:
            return name
    raise ValueError(
        f"{type(network).__name__} is not a registered network; add a row to models.registry"
    )
