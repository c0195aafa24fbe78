"""The rooms of the house: which may know which, what they need, and what everything on a shelf must say of itself."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import backends
import problems

ROOT = Path(__file__).resolve().parent.parent
# The command line puts the rooms together: it stands above all of them, and nothing but `python -m` knows it.
RANKS = {
    **{"problems": 0, "backends": 1, "benchmarks": 2, "reports": 3},
    **{"benchmarks.tracking": 4, "benchmarks.cli": 5, "benchmarks.__main__": 6},
}
ROOMS = ("problems", "backends", "benchmarks", "reports")
FRAMEWORK = {"base", "operations", "parameters", "quadrature", "reference", "registry"}
FAMILIES = {f"problems.families.{path.stem}" for path in (ROOT / "problems" / "families").glob("[!_]*.py")}
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def rank(module: str) -> int:
    return RANKS.get(module, RANKS[module.partition(".")[0]])


def imported(text: str, package: str) -> set[str]:
    """Modules that a source imports, at its top or inside functions, by statement or by `import_module("…")`."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            inner = {f"{origin}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else origin for name in inner}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def neighbours(module: str) -> set[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return {name for name in imported(path.read_text("utf-8"), package) if name.partition(".")[0] in ROOMS}


def test_imports_are_found_wherever_they_stand():
    text = """
import reports.html
from benchmarks import cli
def f():
    from . import store
    from ..problems import decay
    import importlib
    importlib.import_module("backends.ftcs")
"""
    assert imported(text, "benchmarks.inner") == {
        *("reports.html", "benchmarks.cli", "benchmarks.inner", "benchmarks.problems", "importlib", "backends.ftcs")
    }


@pytest.mark.parametrize("module", MODULES)
def test_arrows_run_one_way(module):
    upwards = {name for name in neighbours(module) if rank(name) > rank(module)}
    assert not upwards


def test_only_the_entry_point_knows_the_command_line():
    assert {module for module in MODULES if "benchmarks.cli" in neighbours(module)} == {"benchmarks.__main__"}


ADAPTERS = [module for module in MODULES if module.startswith("backends.")]


@pytest.mark.parametrize("module", ADAPTERS)
def test_no_adapter_knows_a_problem(module):
    known = {f"problems.{name}" for name in FRAMEWORK} | {"problems"} | FAMILIES
    assert {name for name in neighbours(module) if name.startswith("problems")} <= known
    names = [name for name in problems.REGISTRY.names() if own(problems.REGISTRY.get(name), "problems")]
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert not (texts & set(names)) - declared(tree) - set_by_key(tree)


def declared(tree: ast.Module) -> set[str]:
    """Fields of the classes of a module: `decay` is a word of its own among optimizers, where the rate falls."""
    return {node.target.id for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) and hasattr(node.target, "id")}


def set_by_key(tree: ast.Module) -> set[str]:
    """Texts of a module that are nothing but keys under which a preset sets a field of some adapter."""
    keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    fields = {name for module in ADAPTERS for name in declared(ast.parse(MODULES[module].read_text("utf-8")))}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    elsewhere = {node.value for node in texts if id(node) not in keys}
    return {node.value for node in texts if id(node) in keys and node.value in fields} - elsewhere


def test_word_that_is_a_problem_and_a_field_is_known_by_where_it_stands():
    assert set_by_key(ast.parse("{'optimizer': {'decay': 'constant'}}")) == {"optimizer", "decay"}
    assert "decay" not in set_by_key(ast.parse("{'decay': 1, 'problem': 'decay'}"))
    assert "heat-1d" not in set_by_key(ast.parse("{'heat-1d': 1}"))


BLOCKER = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
ALLOWED = set(sys.stdlib_module_names) | {"numpy", "problems", "backends", "benchmarks"}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(name + " is not of the standard library", name=name)
sys.meta_path.insert(0, Blocker())
import problems, backends, benchmarks.worker, benchmarks.plugins, benchmarks.memory
print(json.dumps([*problems.REGISTRY.names(), *backends.REGISTRY.names()]))
"""


def other_python() -> str | None:
    found = shutil.which("python3", path="/usr/bin")
    if found is None or subprocess.run([found, "-c", "import numpy"], capture_output=True).returncode:
        return None
    return found


@pytest.mark.parametrize("python", [sys.executable, other_python()], ids=["own", "system"])
def test_worker_and_every_adapter_import_with_numpy_alone(python):
    if python is None:
        pytest.skip("there is no system Python with numpy")
    done = subprocess.run([python, "-I", "-c", BLOCKER, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"decay", "heat-1d", "ftcs", "jax-pinn", "scipy-ivp", "torch-pinn"} <= set(json.loads(done.stdout))


def test_blocker_blocks():
    code = BLOCKER.replace("import problems, backends", "import pytest, problems, backends")
    done = subprocess.run([sys.executable, "-I", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert "pytest is not of the standard library" in done.stderr


def own(cls: type, room: str) -> bool:
    """Other tests may have loaded plugins in this process."""
    return cls.__module__.startswith(f"{room}.")


PROBLEMS = [cls for name in problems.REGISTRY.names() if own(cls := problems.REGISTRY.get(name), "problems")]
SOLVERS = [cls for name in backends.REGISTRY.names() if own(cls := backends.REGISTRY.get(name), "backends")]


@pytest.mark.parametrize("cls", [*PROBLEMS, *SOLVERS], ids=lambda cls: cls.name)
def test_everything_on_a_shelf_says_what_it_is(cls):
    assert cls.name == cls.name.lower().replace("_", "-")
    assert cls.title
    assert "__doc__" in vars(cls)
    assert not cls.__doc__.startswith(f"{cls.__name__}(")  # What dataclasses write where there is none.
    assert sys.modules[cls.__module__].__doc__
    for field in dataclasses.fields(cls):
        assert field.metadata.get("description"), field.name
    for preset in cls.presets:
        cls.create({}, preset)


@pytest.mark.parametrize("cls", PROBLEMS, ids=lambda cls: cls.name)
def test_every_problem_cites_its_source(cls):
    assert cls.equation
    assert cls.citation
    assert cls.reference_kind
    for key, figure in cls.published.items():
        assert figure.source, key
        assert figure.entry, key


@pytest.mark.parametrize("cls", SOLVERS, ids=lambda cls: cls.name)
def test_every_solver_names_its_family_and_libraries(cls):
    assert cls.family in ("neural", "classical")
    assert cls.libraries
    assert set(cls.precisions) <= {"float64", "float32"}
    assert set(cls.devices) <= {"cpu", "cuda"}
