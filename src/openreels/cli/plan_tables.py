"""A plan as tables for people."""

from rich.console import Console
from rich.table import Table

from openreels.core.config import to_dict
from openreels.pipelines.plan_records import Plan, Stage, Strategy

_UNITS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_NUM_COLUMNS = 130
"""Width where stdout is no terminal."""


def show(plan: Plan) -> None:
    """Print a plan as tables on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NUM_COLUMNS)
    console.print(
        f"{plan.model}: {short(plan.parameters)} parameters; {plan.resolution}, "
        f"{plan.duration_s:.2f} s, {plan.num_steps} steps"
    )
    stages = {_name(stage): stage for way in plan.strategies for stage in way.stages}
    for table in (_networks(stages), _parts(stages), _ways(plan)):
        console.print(table)
    speed = "at the speed given"
    if plan.utilisation is not None:
        speed = f"at {plan.utilisation:.0%} of the published bf16 peak"
    console.print(f"Seconds are of denoising alone, on one machine, {speed}.")
    for note in plan.notes:
        console.print(note)


def _networks(stages: dict[str, Stage]) -> Table:
    table = _table("network", "size", "frames", "video", "of it keys", "audio", "text")
    for column in ("evaluations", "a clip", "weights", "beside"):
        table.add_column(column, justify="right")
    for name, stage in stages.items():
        times = f"{stage.num_evaluations} x {stage.rows}"
        table.add_row(
            *(name, f"{stage.width}x{stage.height}", f"{stage.num_frames} at {stage.fps}"),
            *(f"{stage.lengths.video}", f"{stage.keyframe_tokens or '-'}"),
            *(f"{stage.lengths.audio or '-'}", f"{stage.lengths.text}", times),
            f"{short(stage.total_flops)}F",
            *(f"{short(size['bf16'])}B" for size in (stage.weights_bytes, stage.activation_bytes)),
        )
    table.caption = "tokens; operations; bytes in bf16, of weights and beside them"
    return table


def _parts(stages: dict[str, Stage]) -> Table:
    table = _table("one evaluation", *stages)
    parts = [to_dict(stage.flops) for stage in stages.values()]
    for part in parts[0]:
        table.add_row(part.replace("_", " "), *(f"{short(values[part])}F" for values in parts))
    table.add_row("total", *(f"{short(stage.flops.total)}F" for stage in stages.values()))
    return table


def _ways(plan: Plan) -> Table:
    machines = list(plan.strategies[0].seconds)
    table = _table("way", "operations", "cheaper", "memory", *machines)
    first = plan.strategies[0].total_flops
    for way in plan.strategies:
        table.add_row(
            *(way.name, f"{short(way.total_flops)}F", f"{first / way.total_flops:.1f}x"),
            f"{short(way.memory_bytes['bf16'])}B",
            *(_time_on(way, machine) for machine in machines),
        )
    if not all(way.fits.get(machine, True) for way in plan.strategies for machine in machines):
        table.caption = "* takes more memory than one of these has"
    return table


def _time_on(way: Strategy, machine: str) -> str:
    return clock(way.seconds[machine]) + ("" if way.fits.get(machine, True) else "*")


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, padding=(0, 1), title_justify="left", caption_justify="left")
    for name in others:
        table.add_column(name, justify="right")
    return table


def _name(stage: Stage) -> str:
    return f"{stage.name}, {stage.num_kept}/{stage.num_cubes}" if stage.num_cubes else stage.name


def short(number: float) -> str:
    """Write a number with three digits and the letter of its thousands, e.g. ``12.3 P``."""
    for size, letter in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g} "


def clock(seconds: float) -> str:
    """Write seconds as people say them: ``3.2 s``, ``12 min``, ``5.1 h``."""
    size, unit = (1, "s") if seconds < 120 else (60, "min") if seconds < 7200 else (3600, "h")
    value = seconds / size
    return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
