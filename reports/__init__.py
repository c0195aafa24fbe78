"""What is shown: tables, figures and sentences generated from one run's folder alone."""

from __future__ import annotations

from pathlib import Path

from reports import html, markdown
from reports.frame import load
from reports.page import compose
from reports.run import Run


def render(run_dir: str | Path) -> tuple[Path, Path]:
    """Write `report.html` (self-contained) and `report.md` with `figures/` and `chapters/` into the run's folder.

    Raises:
        InputError: if the folder holds no readable record.

    """
    page = compose(Run.open(run_dir))
    return html.write(page, Path(run_dir) / "report.html"), markdown.write(page, Path(run_dir) / "report.md")


__all__ = ["load", "render"]
