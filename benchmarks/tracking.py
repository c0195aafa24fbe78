"""The commands that watch costs and errors over time: `compare` and `history`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks import store
from benchmarks.again import Bench
from benchmarks.budget import most_of_memory
from benchmarks.execute import Limits
from benchmarks.interpreters import Interpreters
from benchmarks.plugins import load_plugins
from benchmarks.terminal import RESULTS, console, plugin_option, positive, progress_line
from problems import InputError

if TYPE_CHECKING:
    from reports.regression.comparison import Comparison

ARCHIVE = RESULTS / "history.sqlite"


@click.command()
@click.argument("base")
@click.argument("head")
@click.option("--measure-again", is_flag=True, help="Measure costs that look larger again, old and new code by turns.")
@click.option("--measure-all", is_flag=True, help="Measure all costs again, on whatever machine the runs were made.")
@click.option(
    "--factor",
    type=click.FloatRange(min=1.0, min_open=True),
    default=1.15,
    show_default=True,
    help="What a cost may grow by.",
)
@click.option(
    "--most",
    callback=positive,
    type=float,
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Per case measured again.",
)
@click.option(
    "--most-in-all",
    callback=positive,
    type=float,
    default=1800.0,
    show_default=True,
    metavar="SECONDS",
    help="For all cases measured again.",
)
@click.option("--accept", is_flag=True, help="Make HEAD the baseline BASE, a folder with rows alone; exit status 0.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a page for a pull request.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML, a test per case.")
@click.option("--trend", type=click.Path(path_type=Path), metavar="FILE", help="Write HEAD as customSmallerIsBetter.")
@plugin_option
def compare(
    base: str,
    head: str,
    measure_again: bool,
    measure_all: bool,
    factor: float,
    most: float,
    most_in_all: float,
    accept: bool,
    markdown: Path | None,
    junit: Path | None,
    trend: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Say what got worse from BASE to HEAD: two runs, or revisions of which there are runs in results/.

    What is the same in every run of the same code is compared: errors, orders, iterations, unknowns, memory as planned.
    Times, and memory as sampled, that look larger are told, and count once measuring again confirms them. The exit
    status is 1 if something got worse, fails now or is missing, and 2 if that cannot be told: the rows of BASE cannot
    all be read, or nothing can be measured again.
    """
    from reports import files, regression
    from reports.run import Run

    load_plugins(plugins)
    if accept and not (Path(base) / store.RECORDS).exists():
        regression.accept(Path(base), regression.find(head, head, RESULTS)[1])
        console.print(f"{base} is a new baseline, with the rows of {head}.", soft_wrap=True)
        return
    runs = [Run.open(folder) for folder in regression.find(base, head, RESULTS)]
    try:
        found = regression.compare(runs[0], runs[1], factor)
    except InputError:
        if not accept:
            raise
        # A suite that has nothing in common with its baseline needs a new one.
        regression.accept(runs[0].path, runs[1].path)
        console.print(f"Accepted: {base} has the rows of {head} now, and nothing in common with those before.")
        return

    trouble = [f"{found.base.path}: {complaint}" for complaint in found.base.unreadable]
    if measure_again or measure_all:
        # Measuring may take longer than there is time: what is known already is written before.
        _write_pages(found, markdown, junit)
        bench = Bench(Interpreters.from_config(), Limits(timeout_s=most, memory_bytes=most_of_memory()), plugins)
        limits = {"factor": factor, "most_s": most, "most_in_all_s": most_in_all}
        with progress_line() as bar:
            task = bar.add_task("measuring again", total=None)

            def show(words: str) -> None:
                bar.update(task, description=words)

            try:
                found = regression.measure_again(found, bench, every=measure_all, progress=show, **limits)
            except InputError as error:
                trouble.append(str(error))
    _write_pages(found, markdown, junit)
    if trend:
        files.write(trend, regression.to_trend(found.head))
    for table in regression.tables(found):
        console.print(regression.for_terminal(table))
    for line in [note for run in runs for note in run.notes]:
        console.print(line, soft_wrap=True)
    for line in regression.surroundings(*runs):
        console.print(f"other surroundings: {line}", soft_wrap=True)
    console.print(regression.verdict(found), soft_wrap=True)
    if found.suspicious and not (measure_again or measure_all):
        console.print("--measure-again decides it, with the code of both commits in turn.", soft_wrap=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in regression.to_annotations(found):
            click.echo(line)
    if accept:
        for line in trouble:
            console.print(line, soft_wrap=True)
        regression.accept(found.base.path, found.head.path)
        console.print(f"Accepted: {found.base.path} has the rows of {found.head.path} now.", soft_wrap=True)
        return
    if trouble and not found.regressed:
        raise InputError("; ".join(trouble))
    for line in trouble:
        console.print(line, soft_wrap=True)
    sys.exit(int(found.regressed))


def _write_pages(found: Comparison, markdown: Path | None, junit: Path | None) -> None:
    from reports import files, regression

    if markdown:
        files.write(markdown, regression.to_markdown(found))
    if junit:
        files.write(junit, regression.to_junit(found))


archive_option = click.option(
    "--archive",
    type=click.Path(path_type=Path),
    default=ARCHIVE,
    show_default=True,
    metavar="FILE",
    help="Where it is.",
)


@click.group()
def history() -> None:
    """Keep the figures of runs in an archive, and show where they stepped."""


@history.command()
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@archive_option
@plugin_option
def add(runs: tuple[str, ...], archive: Path, plugins: tuple[str, ...]) -> None:
    """Append runs (folders, names or revisions in results/); what is there already stays as it is."""
    from reports import history, regression
    from reports.run import Run

    load_plugins(plugins)
    with history.open_archive(archive, create=True) as opened:
        for name in runs:
            run = Run.open(regression.find(name, name, RESULTS)[1])
            added = opened.append(*history.of_run(run))
            console.print(f"{run.path}: {added} figures added", soft_wrap=True)


@history.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@archive_option
def import_command(files: tuple[Path, ...], archive: Path) -> None:
    """Append files that pytest-benchmark wrote, of this suite or any other."""
    from reports import history

    with history.open_archive(archive, create=True) as opened:
        for path in files:
            added = opened.append(*history.of_pytest_benchmark(path))
            console.print(f"{path}: {added} figures added", soft_wrap=True)


@history.command()
@click.argument("revision")
@click.argument("reason")
@click.option("--case", default="", metavar="HASH", help="Of one case alone (default: of all).")
@archive_option
def explain(revision: str, reason: str, case: str, archive: Path) -> None:
    """Give the steps that appear with REVISION their REASON."""
    from reports import history, regression

    commit = regression.commit(revision) or revision
    with history.open_archive(archive) as opened:
        opened.explain(commit, case, reason, datetime.now(UTC).isoformat(timespec="seconds"))
        known = sum(any(origin.revision.startswith(commit) for origin, _ in trend.points) for trend in opened.trends())
    if not known:
        console.print(f"No run of {revision} is in {archive} yet.", soft_wrap=True)


@history.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Default: history/ beside the archive.")
@archive_option
def show(archive: Path, out: Path | None) -> None:
    """Print the steps, and write them with the trends of every case as HTML and Markdown."""
    from reports import history, regression

    with history.open_archive(archive) as opened:
        found = history.compose(opened)
    table = history.steps_table(found.shifts)
    if table.rows:
        console.print(regression.for_terminal(table))
    steps = f"{len(found.shifts)} steps, of which {found.unexplained} are not explained"
    console.print(f"{len(found.runs)} runs, {found.series} series, {steps}.", soft_wrap=True)
    for path in history.write(found, out or archive.parent / "history"):
        console.print(str(path), soft_wrap=True)
