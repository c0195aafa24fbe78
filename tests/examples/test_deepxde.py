"""DeepXDE as a plugin: it is handed the equation that was declared, and says what it cannot do."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backends
import problems
from benchmarks.cases import Case, Spec
from benchmarks.plugins import load_plugin
from benchmarks.suites import Overrides, load
from problems import InputError

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "examples" / "plugins" / "deepxde_pinn.py"
SUITE = ROOT / "examples" / "adam-speed.toml"
SOLVERS = ("deepxde-torch", "deepxde-jax")

# Importing deepxde here would tie this process to one of its backends, so it is only looked for.
needs_deepxde = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("deepxde", "flax")),
    reason="DeepXDE is an extra: python -m pip install -c constraints.txt -e '.[deepxde]'",
)


@pytest.fixture(autouse=True)
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is loaded, and the environment is put back after every test."""
    monkeypatch.setenv("DDE_BACKEND", "")
    for name in ("grids", "manufactured"):
        # Imported as other tests do: the same file as a plugin would be a second module with the same problems.
        importlib.import_module(f"tests.plugins.{name}")
    load_plugin(PLUGIN)


def make(solver: str, **parameters: Any) -> Any:
    return backends.REGISTRY.get(solver).create(parameters)


def problem(name: str, **parameters: Any) -> Any:
    return problems.REGISTRY.get(name).create(parameters)


def inside(question: str, request: dict[str, Any]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.examples.deepxde_inside", question],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


EVERY_FACE = [
    ("heat-1d", {}),
    ("poisson", {"d": 3, "solution": "skewed"}),
    ("insulated-rod", {}),
    ("carried-ring", {"d": 2}),
    ("variable-medium", {}),
    ("coupled-pair", {}),
    ("test-transport", {"speed": 1.0, "pulse": 1.0, "right": "neumann"}),
    ("test-exchange", {"cubic": 0.5}),
    ("test-duffing", {}),
]
DIRICHLET = [case for case in EVERY_FACE if case[0] not in ("insulated-rod", "carried-ring", "test-transport")]
OWN = {"points.num_domain": 60, "points.num_boundary": 40, "points.num_initial": 20}
SOFT = {"kind": "penalty", "initial_weight": 10.0, "boundary_weight": 10.0}
SHARED = {"points.kind": "scattered", "points.count": 100}


@needs_deepxde
@pytest.mark.parametrize(
    ("solver", "precision", "parameters", "cases", "rounding"),
    [
        ("deepxde-torch", "float64", OWN, EVERY_FACE, 1e-20),
        ("deepxde-torch", "float64", SHARED, EVERY_FACE, 1e-20),
        ("deepxde-torch", "float64", {**OWN, "autodiff": "forward"}, DIRICHLET, 1e-20),
        ("deepxde-jax", "float32", OWN, DIRICHLET, 1e-6),
        ("deepxde-jax", "float32", {**SHARED, "autodiff": "forward"}, DIRICHLET, 1e-6),
    ],
    ids=["torch", "torch-shared-points", "torch-forward", "jax", "jax-forward-shared-points"],
)
def test_every_loss_vanishes_on_the_exact_solution_alone(
    solver: str, precision: str, parameters: dict[str, Any], cases: list[Any], rounding: float
) -> None:
    request = {"solver": solver, "precision": precision, "parameters": parameters, "problems": cases}
    answer = inside("losses", request)
    assert set(answer) == {name for name, _ in cases}
    for name, (exact, scaled) in answer.items():
        assert max(exact) < rounding * max(1.0, max(scaled)), name
        assert max(scaled) > 1e-4, name


@needs_deepxde
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("constraint", "cap"), [({"kind": "trial"}, 0.02), (SOFT, 0.1)], ids=["trial", "penalty"])
def test_heat_equation_is_solved_to_a_few_percent(
    solve: Callable[..., Any], solver: str, constraint: dict[str, Any], cap: float
) -> None:
    how = {"constraint": constraint, "optimizer.rate": 5e-3, "iterations": 500}
    answer = solve(problem("heat-1d", T=0.1), make(solver, **how), precision="float32")
    assert answer.status == "finished", answer.reason
    assert answer.errors["relative_l2"] < cap
    assert answer.facts["unknowns"] == 2 * 32 + 32 + 2 * (32 * 32 + 32) + 32 + 1
    assert answer.facts["iterations"] == 500
    assert answer.record.backend_version.startswith("deepxde 1.")


@needs_deepxde
@pytest.mark.parametrize("solver", SOLVERS)
def test_ode_is_solved(solve: Callable[..., Any], solver: str) -> None:
    how = {"points.num_domain": 64, "optimizer.rate": 5e-3, "iterations": 600, "network.scaled": True}
    answer = solve(problem("decay"), make(solver, **how), precision="float32")
    assert answer.status == "finished", answer.reason
    assert answer.errors["relative_l2"] < 0.03


@needs_deepxde
def test_network_inside_a_trial_function_goes_round_the_ring(solve: Callable[..., Any]) -> None:
    ring = problem("carried-ring", T=0.1)
    how = {"constraint.kind": "trial", "optimizer.rate": 5e-3, "iterations": 300}
    answer = solve(ring, make("deepxde-jax", **how), precision="float32")
    assert answer.status == "finished", answer.reason
    assert answer.errors["relative_l2"] < 0.05


@needs_deepxde
def test_seed_decides_and_points_can_be_drawn_anew(solve: Callable[..., Any]) -> None:
    heat = problem("heat-1d")
    anew = {"points.train_distribution": "pseudo", "points.resample_every": 1, "points.num_domain": 32}

    def errors(seed: int, **more: Any) -> float:
        solver = make("deepxde-torch", **{**anew, "iterations": 20, **more})
        answer = solve(heat, solver, seed=seed, precision="float32")
        assert answer.status == "finished", answer.reason
        return float(answer.errors["relative_l2"])

    first = errors(0)
    assert errors(0) == first
    assert errors(1) != first
    assert errors(0, **{"points.resample_every": 0}) != first


@needs_deepxde
@pytest.mark.parametrize("solver", SOLVERS)
def test_learning_rate_falls_as_described_on_both_backends(solver: str) -> None:
    rates = inside("rates", {"solver": solver, "decays": ["constant", "cosine", "exponential"]})
    assert rates["constant"] == pytest.approx([0.02, 0.02])
    # Half-way, the cosine stands at the mean of both ends, the exponential at their geometric mean.
    assert rates["cosine"] == pytest.approx([0.5 * (0.02 + 0.002), 0.002])
    assert rates["exponential"] == pytest.approx([(0.02 * 0.002) ** 0.5, 0.002])


@needs_deepxde
def test_unfinished_solutions_are_shown(solve: Callable[..., Any]) -> None:
    how = {"iterations": 30, "display_every": 10}
    answer = solve(problem("heat-1d"), make("deepxde-jax", **how), precision="float32")
    assert answer.arrays["trace_iterations"].tolist() == [10, 20, 30]
    assert answer.arrays["trace_errors"][-1] == pytest.approx(answer.errors["relative_l2"], rel=1e-6)


@needs_deepxde
def test_loss_that_is_not_finite_is_a_divergence(solve: Callable[..., Any]) -> None:
    how = {"optimizer.rate": 1e30, "iterations": 50, "network.activation": "gelu"}
    answer = solve(problem("heat-1d"), make("deepxde-torch", **how), precision="float32")
    assert answer.status == "diverged"
    assert "lower learning rate" in answer.reason


@pytest.mark.parametrize(
    ("solver", "parameters", "name", "words"),
    [
        ("deepxde-jax", {}, "insulated-rod", "deepxde-torch"),
        ("deepxde-jax", {"constraint.kind": "trial"}, "insulated-rod", "deepxde-torch"),
        ("deepxde-jax", {}, "carried-ring", "constraint.kind=trial"),
        ("deepxde-torch", {"autodiff": "forward"}, "insulated-rod", "autodiff=reverse"),
        ("deepxde-torch", {"network.activation": "relu"}, "heat-1d", "smooth"),
        ("deepxde-torch", {"constraint": {"kind": "trial", "form": "published"}}, "burgers-1d", "automatic"),
        ("deepxde-torch", {}, "insulated-rod", None),
        ("deepxde-torch", {}, "carried-ring", None),
        ("deepxde-jax", {"constraint.kind": "trial"}, "carried-ring", None),
        ("deepxde-jax", {"network.activation": "relu"}, "decay", None),
        ("deepxde-jax", {}, "symmetric-eigen", None),
    ],
)
def test_what_it_cannot_do_has_a_reason(solver: str, parameters: dict[str, Any], name: str, words: str | None) -> None:
    reason = make(solver, **parameters).unsupported(problem(name))
    assert (reason is None) if words is None else (words in str(reason))


def test_jax_backend_refuses_double_precision() -> None:
    case = Case.create(Spec.parse("heat-1d"), Spec.parse("deepxde-jax"), precision="float64")
    assert "float32, not in float64" in str(case.unsupported())


def test_sequence_cannot_be_drawn_anew() -> None:
    with pytest.raises(InputError, match="train_distribution=pseudo"):
        Case.create(Spec.parse("heat-1d"), Spec.parse("deepxde-torch:points.resample_every=1"))


def test_without_deepxde_its_row_says_so(tmp_path: Path) -> None:
    # A worker's Python that has everything but deepxde, whether it is installed here or not.
    hider = "import sys\nclass Hider:\n    def find_spec(self, name, path=None, target=None):\n"
    hider += "        if name == 'deepxde':\n            raise ImportError(name)\nsys.meta_path.insert(0, Hider())\n"
    (tmp_path / "sitecustomize.py").write_text(hider, encoding="utf-8")
    python = f"env PYTHONPATH={tmp_path}:{ROOT} {sys.executable}"
    words = ["run", "--plugin", str(PLUGIN), "--problem", "decay", "--out", str(tmp_path / "run")]
    words += ["--solver", "deepxde-torch", "--solver", "scipy-ivp", "--no-memory"]
    environment = os.environ | {"DEBENCH_PYTHON_DEEPXDE_TORCH": python, "DEBENCH_REQUIRE_BACKENDS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["solver"]: row for row in map(json.loads, lines)}
    assert rows["deepxde-torch"]["status"] == "not installed"
    assert "lacks deepxde" in rows["deepxde-torch"]["reason"]
    assert rows["scipy-ivp"]["status"] == "finished"


def test_speed_suite_compares_the_same_network_points_and_loss() -> None:
    cases = load(str(SUITE), Overrides()).cases
    sizes = {case.solver.parameters()["points.count"] for case in cases}
    assert sizes == {64, 512, 2048}
    alike = ("network.widths", "network.activation", "network.scaled", "constraint.kind", "points.kind")
    alike += ("optimizer.kind", "optimizer.decay", "optimizer.rate", "iterations")
    for size in sizes:
        group = [case for case in cases if case.solver.parameters()["points.count"] == size]
        assert {case.solver.name for case in group} == {"torch-pinn", "jax-pinn", *SOLVERS}
        assert len({str([case.solver.parameters()[key] for key in alike]) for case in group}) == 1
        assert {(case.precision, case.threads) for case in group} == {("float32", 2)}
        assert all(case.unsupported() is None for case in group)
    # Every round holds every solver, so that a machine that grows slower does so for all of them.
    rounds = [case.seed for case in cases]
    assert rounds == sorted(rounds)
