"""A report as Markdown, with its figures as SVG files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import files
from reports.drawing import Figure
from reports.html import TEMPLATES
from reports.page import Page

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
FENCE = "```"


def write(page: Page, path: Path) -> Path:
    """Write the report and `figures/`, from which the SVG files of an earlier report are removed."""
    write_figures(page.figures(), path.parent / "figures")
    return files.write(path, fill("report.md.j2", page=page))


def write_figures(figures: Iterable[Figure], folder: Path) -> None:
    """Write each figure as an SVG file, in place of those that are there."""
    stale = set(folder.glob("*.svg"))
    stale -= {files.write(folder / f"{figure.name}.svg", figure.standalone) for figure in figures}
    for path in stale:
        path.unlink(missing_ok=True)


def fill(template: str, **content: object) -> str:
    """A template of Markdown with its content."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # The filter `plain` escapes what Markdown gives a meaning to.
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "code": code}
    text = environment.get_template(template).render(**content)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def plain(text: object) -> str:
    """Text that is shown as it is, on one line, also inside a table."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", line)


def code(text: object) -> str:
    """A line for a fenced block: it cannot close the fence."""
    return " ".join(str(text).split()).replace(FENCE, "'''")
