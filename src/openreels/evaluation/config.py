"""What StageBench measures."""

from dataclasses import dataclass

from openreels.stage.reference_tasks import TASKS as STAGE_TASKS

PARTS = ("text", "first", "last", "first_last", "extend", "inpaint")
"""The parts of the bench: the prompt suite and the tasks of the mask interface."""
ALL_PARTS = (*PARTS, "refine")
"""These, and the refiner, which a model need not have."""

FEATURE_ROWS = (
    "text style", "text weather", "text expression", "text camera", "text cuts", "text words",
    "text speech", "text song", "text music", "text ambience",
)  # fmt: skip
"""Parts of the world that prompts alone ask for."""
ROWS = (*FEATURE_ROWS, *STAGE_TASKS)
"""The rows beside the parts: features of prompts, and every task of the Stage world."""
GROUPS: dict[str, tuple[str, ...]] = {
    "base": PARTS,
    "features": FEATURE_ROWS,
    "references": tuple(n for n in STAGE_TASKS if n.split()[0] not in {"edit", "inpaint"}
                        and not n.endswith("by reference")),
    "guided": tuple(n for n in STAGE_TASKS if n.endswith("by reference")
                    and not n.startswith("inpaint")),
    "inpainting": tuple(n for n in STAGE_TASKS if n.startswith("inpaint ")),
    "edits": tuple(n for n in STAGE_TASKS if n.startswith("edit ")),
    "all": (*PARTS, *ROWS),
}  # fmt: skip
"""Names for several rows at once."""


def rows_named(text: str) -> tuple[str, ...]:
    """Read a list of parts, rows and groups with commas between them.

    Args:
        text: For example ``text,first,edits,text style``.

    Returns:
        Parts and rows, each once, in the order in which they are named.
    """
    names = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(row for name in names for row in GROUPS.get(name, (name,))))


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchConfig:
    """What is measured and on how many clips."""

    count: int = 100
    """Held-out prompts for the text tasks; at least 2, since the floor pairs a clip with the
    prompt of another."""
    task_count: int = 8
    """Clips for each task of the mask interface and each row; 0 leaves them out."""
    tasks: tuple[str, ...] = PARTS
    """Which parts and rows run; ``text`` is the prompt suite."""
    duration_s: float = 2.0
    """Length of the clips in seconds."""
    mode: str = "std"
    """Sampling mode of the requests."""
    steps: int | None = None
    """Sampling steps; None takes those of the mode."""
    seed: int = 0
    """Seed of the first clip; clip i takes seed + i."""

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(f"count must be at least 2, got {self.count}")
        if self.task_count < 0:
            raise ValueError(f"task_count must not be negative, got {self.task_count}")
        unknown = sorted(set(self.tasks) - {*ALL_PARTS, *ROWS})
        if unknown:
            known = (*ALL_PARTS, *ROWS, *(name for name in GROUPS if name not in PARTS))
            raise ValueError(f"tasks must be among {', '.join(known)}, got {', '.join(unknown)}")
