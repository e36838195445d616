"""What StageBench measures."""

from dataclasses import dataclass

PARTS = ("text", "first", "last", "first_last", "extend", "inpaint")
"""The parts of the bench: the prompt suite and the tasks of the mask interface."""
ALL_PARTS = (*PARTS, "refine")
"""These, and the refiner, which a model need not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchConfig:
    """What is measured and on how many clips."""

    count: int = 100
    """Held-out prompts for the text tasks; at least 2, since the floor pairs a clip with the
    prompt of another."""
    task_count: int = 8
    """Clips for each task of the mask interface; 0 leaves them out."""
    tasks: tuple[str, ...] = PARTS
    """Which parts run; ``text`` is the prompt suite."""
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
        unknown = sorted(set(self.tasks) - set(ALL_PARTS))
        if unknown:
            raise ValueError(
                f"tasks must be among {', '.join(ALL_PARTS)}, got {', '.join(unknown)}"
            )
