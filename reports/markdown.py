"""A report as Markdown, with its figures as SVG files beside it."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.html import TEMPLATES
from reports.page import Page

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
FENCE = "```"


def write(page: Page, path: Path) -> Path:
    """Write the report and `figures/`, from which the SVG files of an earlier report are removed."""
    folder = path.parent / "figures"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.svg"):
        stale.unlink()
    for figure in page.figures():
        (folder / f"{figure.name}.svg").write_text(figure.standalone, encoding="utf-8")
    path.write_text(fill("report.md.j2", page=page), encoding="utf-8")
    return path


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
