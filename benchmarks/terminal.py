"""What the commands share: the console, its progress line, and options."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn

RESULTS = Path("results")
# Brackets belong to specs and paths here; they are no markup.
console = Console(markup=False)
if not console.is_terminal:
    console = Console(markup=False, width=160)

plugin_option = click.option(
    "--plugin", "plugins", multiple=True, metavar="FILE", help="Python file with more problems or solvers."
)


def positive(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """A number of seconds greater than zero."""
    if value is not None and not value > 0:  # NaN is no limit either.
        raise click.BadParameter(f"{value} is not a time; give seconds greater than 0")
    return value


def progress_line(*columns: ProgressColumn) -> Progress:
    """A line that goes away in the end, with those columns between a spinner and words; none where nobody looks."""
    quiet = not console.is_terminal or bool(os.environ.get("CI"))
    words = TextColumn("{task.description}", markup=False)
    return Progress(SpinnerColumn(), *columns, words, console=console, disable=quiet, transient=True)
