"""`pytest --benchmark` runs the benchmarks instead of the tests."""

from __future__ import annotations

import pytest

BENCHMARKS = "benchmarks/pytest_entry.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; those of pytest-benchmark work beside them."""
    group = parser.getgroup("debench")
    group.addoption("--benchmark", action="store_true", help="run a suite of benchmarks instead of the tests")
    group.addoption("--benchmark-suite", default="quick", metavar="SUITE", help="which one (default: quick)")
    group.addoption("--benchmark-plugin", action="append", default=[], metavar="FILE", help="a debench plugin")


def pytest_configure(config: pytest.Config) -> None:
    """Without a path of its own, `--benchmark` collects the benchmarks' entry point."""
    if config.option.benchmark and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(config.rootpath / BENCHMARKS)]
