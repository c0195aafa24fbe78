"""A synthetic run, written and rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from tests.reports.synthetic import write_run


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the synthetic run; tests only read it."""
    return write_run(tmp_path_factory.mktemp("runs") / "synthetic")


@pytest.fixture(scope="session")
def rendered(run_dir: Path) -> tuple[str, str]:
    """HTML and Markdown of the synthetic run."""
    html, markdown = reports.render(run_dir)
    return html.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")
