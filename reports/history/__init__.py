"""The history of runs: an archive that is appended to, and where its figures stepped."""

from reports.history.archive import open_archive
from reports.history.figures import of_pytest_benchmark, of_run
from reports.history.page import compose, steps_table, write

__all__ = ["compose", "of_pytest_benchmark", "of_run", "open_archive", "steps_table", "write"]
