"""Records of the table of tasks: a page, and a row of the index."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openreels.core.request import GenerationRequest

UNTRAINED = frozenset({
    "voices",
    "expression",
    "effect",
    "storyboard",
    "music-reference",
    "speech",
    "song",
    "music",
    "words",
})
"""Names of the pages of what the shipped weights were not trained for, or too little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskPage:
    """One page."""

    name: str
    """File name, and folder of what it starts from."""
    title: str
    """Heading."""
    row: str
    """The row of the paper, in our words."""
    text: str
    """What it does."""
    request: GenerationRequest
    """What is asked; files are named from the folder of sources."""
    out: str
    """The output; its suffix agrees with the kind of the request."""
    caption: str
    """What the sheet shows."""
    sources: Callable[[Path], None] | None = None
    """Writes what it starts from into a folder."""
    bench: tuple[str, ...] = ()
    """Rows of StageBench."""
    figures: tuple[str, ...] = ()
    """Figures of these rows; none is all."""
    measured: str = ""
    """A remark on the measurement."""
    seeds: int = 1
    """How many clips are drawn, with seeds from that of the request on."""

    @property
    def trained(self) -> bool:
        """Whether the shipped weights were trained for it."""
        return self.name not in UNTRAINED


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexRow:
    """One row of the index."""

    task: str
    """The task, as the paper has it."""
    options: str
    """What of the command line asks for it."""
    page: str
    """Name of the page that shows it, or of the nearest."""
    bench: str = ""
    """Row of StageBench."""
    figure: str = ""
    """Its figure."""
    trained: bool = True
    """Whether the shipped weights were trained for it."""
