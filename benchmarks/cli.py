"""The command line: `debench`, or `python -m benchmarks`."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

import backends
import problems
from benchmarks import suites, tables, tracking
from benchmarks.budget import most_of_memory
from benchmarks.cases import PRECISIONS, Case
from benchmarks.doctor import examine
from benchmarks.execute import Limits
from benchmarks.interpreters import Interpreters
from benchmarks.plugins import load_plugins
from benchmarks.record import Record
from benchmarks.runner import MissingBackend, run_suite
from benchmarks.terminal import RESULTS, console, plugin_option, positive, progress_line
from problems import InputError

MOST_SEEDS = 10_000
BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class Commands(click.Group):
    """Turns mistakes in the input into one sentence and exit status 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise click.UsageError(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Compare neural-network solvers with classical solvers for differential equations, on equal footing."""


main.add_command(tracking.compare)
main.add_command(tracking.history)


@main.command("list")
@click.argument("what", type=click.Choice(["problems", "solvers", "suites", "support"]))
@plugin_option
def list_command(what: str, plugins: tuple[str, ...]) -> None:
    """Show problems, solvers (and whether they can run here), suites, or who supports what (as Markdown)."""
    load_plugins(plugins)
    if what == "support":
        click.echo(tables.support_markdown())
        return
    table = {
        "problems": tables.problems_table,
        "solvers": lambda: tables.solvers_table(Interpreters.from_config()),
        "suites": tables.suites_table,
    }[what]()
    console.print(table)


@main.command()
@click.argument("name")
@plugin_option
def show(name: str, plugins: tuple[str, ...]) -> None:
    """Show what a problem or solver is, its presets, and every parameter with its default and its bounds."""
    load_plugins(plugins)
    registry = backends.REGISTRY if name in backends.REGISTRY.names() else problems.REGISTRY
    found = registry.get(name)
    console.print(inspect.getdoc(found) or found.title)
    if found.presets:
        console.print(f"presets: {', '.join(found.presets)}")
    console.print(tables.parameters_table(found))


def _seeds(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    seeds: list[int] = []
    for part in value.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match:
            raise click.BadParameter(f"{part!r} is neither a number nor a range; write for instance 0,1,2 or 0-4")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise click.BadParameter(f"{part!r} runs backwards; write {last}-{first}")
        if last - first >= MOST_SEEDS:
            raise click.BadParameter(f"{part!r} holds more than {MOST_SEEDS} seeds; give fewer")
        seeds += range(first, last + 1)
    return tuple(dict.fromkeys(seeds))


def _bytes(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", value, flags=re.IGNORECASE)
    if not match or float(match[1]) <= 0:
        raise click.BadParameter(f"{value!r} is not a size; write for instance 800M or 4GiB")
    return int(float(match[1]) * BYTES[match[2].lower()])


@main.command()
@click.argument("suite", required=False)
@click.option("--problem", "problem_specs", multiple=True, metavar="SPEC", help="name[@preset][:parameter=value,…]")
@click.option("--solver", "solver_specs", multiple=True, metavar="SPEC", help="name[@preset][:parameter=value,…]")
@click.option("--seeds", callback=_seeds, metavar="LIST", help="Seeds, such as 0,1,2 or 0-4.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Floating-point type.")
@click.option("--threads", type=click.IntRange(min=1), help="Processors that each worker may use.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where solvers run that can choose.")
@click.option("--timeout", callback=positive, type=float, metavar="SECONDS", help="Seconds per worker.")
@click.option(
    "--memory-limit",
    callback=_bytes,
    metavar="SIZE",
    help="Memory per worker, such as 4GiB (default: 4/5 of the machine's).",
)
@click.option("--memory/--no-memory", default=True, help="Whether to measure memory, in a pass of its own.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run (default: results/<suite>-<time>).")
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted (default: the suite's last one).")
@plugin_option
def run(
    suite: str | None,
    problem_specs: tuple[str, ...],
    solver_specs: tuple[str, ...],
    seeds: tuple[int, ...] | None,
    precision: str | None,
    threads: int | None,
    device: str,
    timeout: float | None,
    memory_limit: int | None,
    memory: bool,
    out: Path | None,
    resume: bool,
    plugins: tuple[str, ...],
) -> None:
    """Run SUITE, or every --problem with every --solver, and write the report."""
    load_plugins(plugins)
    overrides = suites.Overrides(seeds, precision, threads, device)
    if bool(suite) == bool(problem_specs or solver_specs) or bool(problem_specs) != bool(solver_specs):
        raise InputError("give either a suite (`debench list suites`) or both --problem and --solver")
    if suite:
        chosen = suites.load(suite, overrides)
    else:
        chosen = suites.from_specs(list(problem_specs), list(solver_specs), overrides)
    limits = replace(
        chosen.limits,
        timeout_s=timeout or chosen.limits.timeout_s,
        memory_bytes=memory_limit or most_of_memory(),
        measure_memory=memory,
    )
    folder = out or _folder(chosen.name, resume)
    try:
        records = _run_with_progress(chosen, folder, limits, plugins, resume)
    except MissingBackend as error:
        console.print(str(error), style="red", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print(f"Interrupted; go on with: {_command_to_resume(folder)}", soft_wrap=True)
        sys.exit(130)
    console.print(tables.results_table(records))
    for line in tables.troubles(records):
        console.print(line, soft_wrap=True)
    _render(folder)


def _run_with_progress(
    suite: suites.Suite, folder: Path, limits: Limits, plugins: tuple[str, ...], resume: bool
) -> list[Record]:
    with progress_line(BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("starting", total=len(suite.cases))

        def show(case: Case, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=case.label)

        return run_suite(
            suite,
            folder,
            command=shlex.join(["debench", *sys.argv[1:]]),
            limits=limits,
            interpreters=Interpreters.from_config(),
            plugins=plugins,
            resume=resume,
            progress=show,
        )


def _folder(suite: str, resume: bool) -> Path:
    if resume:
        name = re.compile(re.escape(suite) + r"-\d{8}-\d{6}")
        earlier = sorted(path.parent for path in RESULTS.glob("*/records.jsonl") if name.fullmatch(path.parent.name))
        if not earlier:
            raise InputError(f"there is no run of {suite} in {RESULTS} to resume; leave out --resume, or give --out")
        return earlier[-1]
    return RESULTS / f"{suite}-{datetime.now():%Y%m%d-%H%M%S}"


def _command_to_resume(folder: Path) -> str:
    words = ["debench", *sys.argv[1:]]
    if "--resume" not in words:
        words.append("--resume")
    if not any(word.split("=")[0] == "--out" for word in words):
        words += ["--out", str(folder)]
    return shlex.join(words)


@main.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@plugin_option
def report(folder: Path, plugins: tuple[str, ...]) -> None:
    """Write report.html and report.md from the records of RUN (a folder, or its name in results/)."""
    load_plugins(plugins)
    if not folder.exists() and (RESULTS / folder).exists():
        folder = RESULTS / folder
    _render(folder)


def _render(folder: Path) -> None:
    import reports

    for path in reports.render(folder):
        console.print(str(path), soft_wrap=True)


@main.command()
def doctor() -> None:
    """Show interpreters, versions, threads, device and clock."""
    console.print(examine(Interpreters.from_config()))
