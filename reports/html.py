"""A report as one HTML file without any outside resource."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import files
from reports.drawing import Figure
from reports.page import Page

LEVEL = 6
"""Of compression: the highest, 9, takes three times as long and saves one in a hundred."""
TEMPLATES = Path(__file__).parent / "templates"


def write(page: Page, path: Path) -> Path:
    """Write the report; all text from records is escaped."""
    return files.write(path, fill("report.html.j2", page=page))


def fill(template: str, **content: object) -> str:
    """A template of HTML with its content, which is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"inline": _inline, "data": data}
    environment.globals["source"] = _source
    return environment.get_template(template).render(**content)


def _inline(figure: Figure) -> Markup:
    """The figure's SVG as it is: matplotlib has escaped the labels in it."""
    return Markup(figure.inline.replace("<svg ", f'<svg role="img" aria-labelledby="{figure.name}-caption" ', 1))


def data(figure: Figure) -> Markup:
    """Curves and samples as JSON, compressed, in base64: a long report has many megabytes of them."""
    found: dict[str, Any] = {"panels": figure.panels}
    if figure.samples:
        found["samples"] = figure.samples
    # `dataclasses.asdict` would copy every number.
    packed = gzip.compress(json.dumps(found, separators=(",", ":"), default=vars).encode(), LEVEL, mtime=0)
    return Markup(base64.b64encode(packed).decode())


def _source(name: str) -> Markup:
    """A file as it is: a template would stumble over its braces."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
