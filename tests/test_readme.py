"""What the README says is what the product does."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backends
import problems
from backends.base import Context
from benchmarks.errors import error_norms
from benchmarks.plugins import load_plugin

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The README's two plugins, as a reader would save them."""
    blocks = [block for block in EXAMPLES if "@register" in block]
    assert len(blocks) == 2
    files = {}
    for name, block in zip(("transport", "rk4"), blocks, strict=True):
        files[name] = tmp_path_factory.mktemp("plugins") / f"{name}.py"
        files[name].write_text(block, encoding="utf-8")
        load_plugin(files[name])
    return files


def test_both_examples_are_short(plugins: dict[str, Path]) -> None:
    for file in plugins.values():
        code = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(code) <= 42


# The cap of the explicit scheme is the leading term of its error in time, ½ dt |uₜₜ| T with dt = 0.9 h²/2κ.
LADDERS = [
    ("ftcs:cells={}", (16, 32), 2.0, 0.5 * (0.9 / (2 * 0.1 * 32**2)) * 0.5),
    ("scipy-odeint:cells={}", (16, 32), 2.0, 2e-4),
    ("fenics:degree=1,cells={},dt=0.01", (8, 16), 2.0, 2e-3),
    ("fenics:degree=2,cells={},dt=0.0025", (4, 8), 3.0, 2e-4),
]


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(("spec", "cells", "order", "cap"), LADDERS, ids=[ladder[0] for ladder in LADDERS])
def test_new_problem_converges_on_every_classical_backend(
    plugins: dict[str, Path],
    solve: Callable[..., Any],
    d: int,
    spec: str,
    cells: tuple[int, int],
    order: float,
    cap: float,
) -> None:
    from benchmarks.cases import Case, Spec

    errors = []
    for n in cells:
        case = Case.create(Spec.parse(f"transport:d={d}"), Spec.parse(spec.format(n)))
        answer = solve(case.problem, case.solver)
        assert answer.status == "finished", answer.reason
        errors.append(answer.errors["relative_l2"])
    rates = [float(np.log2(a / b)) for a, b in itertools.pairwise(errors)]
    assert rates[-1] == pytest.approx(order, abs=0.3)
    assert errors[-1] < cap


@pytest.mark.parametrize(("engine", "d"), [("torch-pinn", 1), ("jax-pinn", 2)])
def test_new_problem_converges_in_training_on_both_networks(
    plugins: dict[str, Path], solve: Callable[..., Any], engine: str, d: int
) -> None:
    from benchmarks.cases import Case, Spec

    errors = []
    for iterations in (50, 1000):
        case = Case.create(
            Spec.parse(f"transport:d={d}"), Spec.parse(f"{engine}:iterations={iterations},network.widths=[16,16]")
        )
        answer = solve(case.problem, case.solver)
        assert answer.status == "finished", answer.reason
        errors.append(answer.errors["relative_l2"])
    assert errors[1] < errors[0] / 3
    assert errors[1] < 1e-2


def test_new_solver_is_of_fourth_order(plugins: dict[str, Path]) -> None:
    decay, rk4 = problems.REGISTRY.get("decay")(), backends.REGISTRY.get("rk4")
    errors = []
    for steps in (20, 40, 80):
        session = rk4.create({"steps": steps}).begin(decay, Context())
        session.solve()
        errors.append(error_norms(decay, session.solution(decay.points()))["max_abs"])
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4.0, abs=0.3)
    assert errors[2] < 1e-5


def test_new_solver_finds_eigenpairs_through_their_flow(plugins: dict[str, Path]) -> None:
    problem = problems.REGISTRY.get("symmetric-eigen").create({}, "s1-6")
    session = backends.REGISTRY.get("rk4").create({"steps": 200}).begin(problem, Context())
    session.solve()
    assert problem.measures(session.solution(problem.points()))["eigenvalue_error"] < 1e-8


def test_plugins_work_from_the_command_line(plugins: dict[str, Path], tmp_path: Path) -> None:
    words = ["run", "--plugin", str(plugins["rk4"]), "--plugin", str(plugins["transport"]), "--problem", "decay"]
    words += ["--solver", "rk4:steps=50", "--out", str(tmp_path / "run"), "--no-memory"]
    done = subprocess.run([sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
    assert (tmp_path / "run" / "report.html").is_file()


def test_table_of_problems_and_backends_is_the_registry_s() -> None:
    shown = re.search(r"<!-- support table:.*?-->\n(.*?)<!-- end", README, flags=re.DOTALL)
    assert shown is not None
    words = [sys.executable, "-m", "benchmarks", "list", "support"]
    registry = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert shown[1].strip() == registry.strip(), "paste the output of `debench list support`"


def test_every_command_of_the_readme_exists() -> None:
    from benchmarks.cli import main

    named = set(re.findall(r"debench (list|show|run|report|doctor|compare|history)\b", README))
    assert named
    assert named <= set(main.commands)


def test_every_relative_link_leads_to_a_file() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
        assert not missing


def test_the_frame_of_the_readme_is_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The example runs as it stands, and its first table has the smallest error of each family."""
    (example,) = [block for block in EXAMPLES if "reports.load" in block]
    found: dict[str, Any] = {}
    exec(example.replace('"results/', f'"{ROOT}/results/'), found)
    rows, best = found["rows"], found["best"]
    heat = rows[(rows["problem"] == "heat-1d") & (rows["family"] == "classical") & rows["ok"]]
    assert best.loc[("heat-1d", "classical"), "error"] == heat["error"].min()
    assert {"classical", "neural"} <= set(best.index.get_level_values("family"))
    assert "solve_median" in capsys.readouterr().out


@pytest.mark.parametrize("folder", sorted((ROOT / "results" / "published").iterdir()), ids=lambda path: path.name)
def test_published_reports_can_be_opened(folder: Path) -> None:
    """A page has less than 15 MB, and Markdown less than the 500 KiB from which on code hosts cut it off."""
    assert (folder / "report.html").stat().st_size < 15e6
    texts = [folder / "report.md", *folder.glob("chapters/*.md")]
    assert max(text.stat().st_size for text in texts) < 500 * 1024
    for text in texts:
        targets = re.findall(r"\]\(((?:\.\./)?(?:figures|chapters)/[^)#]*)", text.read_text(encoding="utf-8"))
        assert all((text.parent / target).exists() for target in targets)
