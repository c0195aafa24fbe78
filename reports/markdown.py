"""A report as Markdown, with its figures as SVG files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import files
from reports.html import TEMPLATES
from reports.page import Page

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
FENCE = "```"
LARGEST = 400_000
"""Bytes of one file: code hosts cut off what is longer than 500 KiB, or do not show it."""


def write(page: Page, path: Path) -> Path:
    """Write the report, `figures/`, and `chapters/` where it would be too large for one file.

    Files of an earlier report are removed from both folders.
    """
    write_all(path.parent / "figures", ".svg", {figure.name: figure.standalone for figure in page.figures()})
    text = fill("report.md.j2", page=page, apart=False)
    chapters: dict[str, str] = {}
    if len(text.encode()) > LARGEST:
        chapters = {chapter.anchor: fill("chapter_page.md.j2", page=page, chapter=chapter) for chapter in page.chapters}
        places = {anchor: f"chapters/{chapter.anchor}.md" for chapter in page.chapters for anchor in chapter.anchors()}
        text = fill("report.md.j2", places, page=page, apart=True)
    write_all(path.parent / "chapters", ".md", chapters)
    return files.write(path, text)


def write_all(folder: Path, suffix: str, texts: Mapping[str, str]) -> None:
    """Write each text under its name, in place of the files that are there."""
    stale = set(folder.glob(f"*{suffix}"))
    stale -= {files.write(folder / f"{name}{suffix}", text) for name, text in texts.items()}
    for path in stale:
        path.unlink(missing_ok=True)


def fill(template: str, places: Mapping[str, str] = MappingProxyType({}), **content: object) -> str:
    """A template of Markdown with its content; `places` are the files of anchors that stand in another one."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # The filter `plain` escapes what Markdown gives a meaning to.
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "code": code, "place": lambda anchor: f"{places.get(anchor, '')}#{anchor}"}
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
