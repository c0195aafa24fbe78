"""Milliseconds per optimizer step of the finished rows of a run, and how they compare: `step_times.py RUN`.

Rows that differ in nothing but the seed are rounds of one measurement. A ratio is taken within each round, between
the library and the suite's own network on the same framework, and its median over the rounds is printed. Seconds of
compilation, which no step contains, stand below.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

# The file stands beside the packages, which need not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import store
from benchmarks.record import Record

PAIRS = (("deepxde-torch", "torch-pinn"), ("deepxde-jax", "jax-pinn"))

Times = dict[tuple[str, int], dict[int, float]]
"""(solver, points) → round → milliseconds per step."""


def step_times(records: Iterable[Record]) -> tuple[Times, Times]:
    """Milliseconds per step, and seconds of compilation, of every finished row that tells iterations and points.

    Raises:
        ValueError: if two rows of one solver differ in more than points and seed.

    """
    times: Times = defaultdict(dict)
    compilations: Times = defaultdict(dict)
    for record in records:
        points, steps = record.solver_parameters.get("points.count"), record.facts.get("iterations")
        if record.status == "finished" and points and steps:
            key = record.solver, points
            if record.seed in times[key]:
                raise ValueError(f"two rows of {record.solver} with {points} points and seed {record.seed}")
            times[key][record.seed] = 1e3 * median(record.solve_s) / steps
            compilations[key][record.seed] = median(record.compile_s)
    return dict(times), dict(compilations)


def ratio(times: Mapping[tuple[str, int], Mapping[int, float]], other: str, own: str, points: int) -> float | None:
    """Median over the rounds of what `other` takes over what `own` takes."""
    slow, fast = times.get((other, points), {}), times.get((own, points), {})
    shared = [slow[seed] / fast[seed] for seed in slow if seed in fast]
    return median(shared) if shared else None


def table(
    times: Mapping[tuple[str, int], Mapping[int, float]], compilations: Mapping[tuple[str, int], Mapping[int, float]]
) -> str:
    """Markdown: solvers down, points across, median (least – most) of the rounds."""
    sizes = sorted({points for _, points in times})
    lines = ["| ms per step | " + " | ".join(f"{points} points" for points in sizes) + " |"]
    lines.append("|---" * (len(sizes) + 1) + "|")
    for solver in dict.fromkeys(name for name, _ in times):
        cells = []
        for points in sizes:
            rounds = times.get((solver, points), {}).values()
            cells.append(f"{median(rounds):.3g} ({min(rounds):.3g} – {max(rounds):.3g})" if rounds else "–")
        lines.append(f"| {solver} | " + " | ".join(cells) + " |")
    for other, own in PAIRS:
        ratios = [ratio(times, other, own, points) for points in sizes]
        if any(ratios):
            cells = [f"{value:.3g}" if value else "–" for value in ratios]
            lines.append(f"| {other} / {own} | " + " | ".join(cells) + " |")
    for solver in dict.fromkeys(name for name, _ in compilations):
        found = [compilations.get((solver, points), {}).values() for points in sizes]
        cells = [f"{median(values):.2g}" if values else "–" for values in found]
        lines.append(f"| {solver}: compilation, s | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table of the run that the command line names."""
    parser = argparse.ArgumentParser(description="Milliseconds per optimizer step of a run.")
    parser.add_argument("run", type=Path, help="folder of the run")
    times, compilations = step_times(store.read(parser.parse_args().run)[0])
    nothing = "There are no finished rows with fixed points and a number of iterations."
    print(table(times, compilations) if times else nothing)


if __name__ == "__main__":
    main()
