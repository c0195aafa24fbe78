"""Bad input is one clear sentence with its remedy and exit status 2; nothing is overwritten, nothing is run."""

from __future__ import annotations

import re

import pytest

import backends
import problems
from benchmarks import cli, store
from tests.benchmarks.conftest import FAULTY, NOOP, make_case, run_cases

DECAY = ("--problem", "decay", "--solver", "scipy-ivp")
HEAT = ("--problem", "heat-1d", "--solver")

SENTENCES = [
    ((*HEAT, "ftcs", "--seed", "1"), "Did you mean '--seeds'?"),
    (("--problem", "heat-1", "--solver", "ftcs"), "unknown problem 'heat-1'; did you mean 'heat-1d'?"),
    (("--problem", "decay", "--solver", "scipy-ivq"), "unknown solver 'scipy-ivq'; did you mean 'scipy-ivp'?"),
    (
        ("quik",),
        "unknown suite 'quik'; did you mean 'quick'? (A file of your own is named by its path, ending in .toml.)",
    ),
    (("nowhere.toml",), "unknown suite 'nowhere.toml'"),
    ((*HEAT, "ftcs:cell=10"), "ftcs: unknown parameter 'cell'; did you mean 'cells'?"),
    ((*HEAT, "ftcs@s11"), "ftcs: unknown preset 's11'; did you mean 's1'?"),
    (
        ("--problem", "heat-1d@s1-corse", "--solver", "ftcs"),
        "heat-1d: unknown preset 's1-corse'; did you mean 's1-coarse'?",
    ),
    ((*HEAT, "ftcs:cells=many"), "parameter 'cells' is 'many'; give int"),
    ((*HEAT, "ftcs:cells=10.5"), "parameter 'cells' is 10.5; give int"),
    ((*HEAT, "ftcs:cells=true"), "parameter 'cells' is True; give int"),
    ((*HEAT, "ftcs:cells=1"), "parameter 'cells' is 1; it must be at least 2"),
    ((*HEAT, "ftcs:dt=-0.1"), "parameter 'dt' is -0.1; it must be greater than 0"),
    ((*HEAT, "ftcs:dt=NaN"), "parameter 'dt' is nan; give a finite number"),
    ((*HEAT, "ftcs:engine=fortran"), "parameter 'engine' is 'fortran'; choose one of"),
    (("--problem", "heat-1d:T=-1", "--solver", "ftcs"), "parameter 'T' is -1.0; it must be greater than 0"),
    ((*HEAT, "ftcs:alpha=0.51"), "take alpha ≤ 0.5, or run it all the same with allow_unstable=true"),
    ((*HEAT, "ftcs:dt=0.001,alpha=0.5"), "dt = 0.001 and alpha = 0.5 are both given; give one of them"),
    ((*HEAT, "ftcs:cells"), "'cells' is not parameter=value; write for instance ftcs:cells=100"),
    ((*HEAT, "ftcs:cells=[]"), "the list of values for 'cells' is empty; give at least one"),
    ((*HEAT, "jax-pinn:network.width=[3]"), "unknown parameter 'width'; did you mean 'widths'?"),
    ((*HEAT, "jax-pinn:optimizer=adam2"), "parameter 'optimizer' is 'adam2'; give Adam or AdamW or SGD or LBFGS"),
    ((), "give either a suite (`debench list suites`) or both --problem and --solver"),
    (("quick", *DECAY), "give either a suite"),
    (("--problem", "decay"), "give either a suite (`debench list suites`) or both --problem and --solver"),
    ((*DECAY, "--seeds", "x"), "'x' is neither a number nor a range; write for instance 0,1,2 or 0-4"),
    ((*DECAY, "--seeds", "4-1"), "'4-1' runs backwards; write 1-4"),
    ((*DECAY, "--seeds", "-1"), "'-1' is neither a number nor a range"),
    ((*DECAY, "--seeds", ""), "'' is neither a number nor a range"),
    ((*DECAY, "--seeds", "0-99999999999"), "holds more than 10000 seeds; give fewer"),
    ((*DECAY, "--memory-limit", "much"), "'much' is not a size; write for instance 800M or 4GiB"),
    ((*DECAY, "--memory-limit", "0"), "'0' is not a size"),
    ((*DECAY, "--timeout", "0"), "0.0 is not a time; give seconds greater than 0"),
    ((*DECAY, "--timeout", "nan"), "nan is not a time; give seconds greater than 0"),
    ((*DECAY, "--threads", "0"), "'--threads': 0 is not in the range x>=1"),
    ((*DECAY, "--precision", "float16"), "'float16' is not one of 'float64', 'float32'"),
    ((*DECAY, "--resume"), "there is no run of adhoc in results to resume; leave out --resume, or give --out"),
    ((*DECAY, "--resume", "--out", "here"), "here holds no run to resume; leave out --resume"),
    ((*DECAY, "--out", "/proc/here"), "cannot write to /proc/here: No such file or directory; choose another folder"),
    ((*DECAY, "--plugin", "gone.py"), "plugin gone.py: there is no such file"),
    ((*DECAY, "--plugin", "."), "plugin .: there is no such file"),
]


def refused(result, sentence: str) -> None:
    """One sentence with a remedy; click puts the usage above it where an option is at fault."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    *usage, message = result.output.rstrip("\n").split("\n")
    assert message.startswith("Error: ")
    assert sentence in message
    assert not usage or usage[0].startswith("Usage: ")


@pytest.mark.parametrize(("words", "sentence"), SENTENCES, ids=[" ".join(words) for words, _ in SENTENCES])
def test_bad_input_is_one_sentence(words, sentence, invoke, tmp_path):
    refused(invoke("run", *words), sentence)
    assert list(tmp_path.iterdir()) == []


SUITES = [
    ("", "is empty; give it at least one [[grid]] with a problem and a solver"),
    ("title = 'nothing'", "is empty; give it at least one [[grid]]"),
    ("[[grid]\n", "; mend suite.toml"),
    (b"\xff", "; mend suite.toml"),
    ("titel = 'x'", "unknown key 'titel'; did you mean 'title'?"),
    ("title = 3", "title is 3; give text"),
    ("grid = 3", "grid is 3; give a list of tables, each under [[grid]]"),
    ("[grid]\nproblem='decay'\nsolver='scipy-ivp'", "give a list of tables, each under [[grid]]"),
    ("[limits]\ntimeouts = 3", "limits: unknown key 'timeouts'; did you mean 'timeout'?"),
    ("[limits]\ntimeout = 'long'", "limits: timeout is 'long'; give seconds, more than 0"),
    ("[limits]\ntimeout = -1", "limits: timeout is -1; give seconds, more than 0"),
    ("[limits]\ntimeout = nan", "limits: timeout is nan; give seconds, more than 0"),
    ("[limits]\nrounds = 0", "limits: rounds is 0; give a whole number, at least 1"),
    ("limits = 3", "limits is 3; give a table, [limits]"),
    ("[[grid]]\nsolver = 'ftcs'", "problem is missing; give a spec such as problem = 'heat-1d'"),
    ("[[grid]]\nproblem = 'decay'", "solver is missing; give a spec such as solver = 'ftcs:cells=100'"),
    ("[[grid]]\nproblem = 3", "problem is 3; give a spec, or a list of specs"),
    ("[[grid]]\nproblem = []", "problem is []; give a spec, or a list of specs"),
    ("[[grid]]\nproblem = ['decay', 3]", "give a spec, or a list of specs"),
]
GRIDS = [
    ("sedes = [0]", "unknown key 'sedes'; did you mean 'seeds'?"),
    ("seeds = 3", "seeds is 3; give a list of whole numbers"),
    ("seeds = []", "seeds is []; give a list of whole numbers, at least one"),
    ("seeds = [0.5]", "seeds is [0.5]; give a list of whole numbers"),
    ("seeds = [-1]", "none below 0"),
    ("seeds = [true]", "seeds is [True]; give a list of whole numbers"),
    ("threads = 0", "threads is 0; give a whole number, at least 1"),
    ("threads = 'all'", "threads is 'all'; give a whole number"),
    ("precision = 'float46'", "unknown precision 'float46'; did you mean 'float64'?"),
    ("precision = 64", "precision is 64; give float64 or float32"),
    ("published = 3", "published is 3; give text"),
    ("published = '{solver[cell]}'", "which cannot be filled in (KeyError: 'cell'); write parameters as"),
    ("published = '{'", "which cannot be filled in (ValueError"),
    ("published = '{k}'", "which cannot be filled in (KeyError: 'k')"),
    ("solver_parameters = { tolerance = [] }", "the list of values for 'tolerance' is empty; give at least one"),
    ("solver_parameters = { tolerance = [1e-3, -1] }", "parameter 'tolerance' is -1.0; it must be greater than 0"),
    ("solver_parameters = 3", "solver_parameters is 3; give a table of parameters"),
    ("problem_parameters = { q = 1 }", "decay: unknown parameter 'q'"),
]
GRID = "[[grid]]\nproblem = 'decay'\nsolver = 'scipy-ivp'\n"


@pytest.mark.parametrize(
    ("text", "sentence"), SUITES + [(GRID + line, sentence) for line, sentence in GRIDS], ids=lambda text: repr(text)
)
def test_bad_suite_is_one_sentence_that_names_it(text, sentence, invoke, tmp_path):
    (tmp_path / "suite.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = invoke("run", "suite.toml")
    refused(result, sentence)
    assert "suite suite.toml" in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["suite.toml"]


SOLVER = FAULTY.read_text("utf-8")
PLUGINS = [
    ("def solve(:\n", "plugin bad.py, line 1: invalid syntax; mend the file and run again"),
    ("\nimport numpyy\n", "plugin bad.py: ModuleNotFoundError: No module named 'numpyy'; mend the file and run again"),
    ("raise ValueError('one\\ntwo')", "plugin bad.py: ValueError: one two; mend the file and run again"),
    ("raise SystemExit('licence expired')", "plugin bad.py: SystemExit: licence expired; mend the file"),
    (SOLVER.replace('"faulty"', '"ftcs"'), "plugin bad.py: two solvers are called 'ftcs'; rename the one in bad.py"),
    (SOLVER.replace('name = "faulty"', ""), "plugin bad.py: AttributeError"),
]


@pytest.mark.parametrize(("text", "sentence"), PLUGINS, ids=[words.partition(": ")[2] for _, words in PLUGINS])
@pytest.mark.parametrize("command", [("run", *DECAY), ("list", "solvers"), ("report", "nowhere")], ids=lambda c: c[0])
def test_bad_plugin_is_one_sentence_that_names_it(command, text, sentence, invoke, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    refused(invoke(*command, "--plugin", "bad.py"), sentence)
    assert {file.name for file in tmp_path.iterdir()} <= {"bad.py", "__pycache__"}


def test_plugin_that_is_no_python_file_is_refused(invoke, tmp_path):
    (tmp_path / "plugin.txt").write_text("x = 1")
    refused(invoke("run", *DECAY, "--plugin", "plugin.txt"), "plugin plugin.txt: not a Python file; its name must end")


def test_malformed_configuration_is_one_sentence(invoke, tmp_path):
    (tmp_path / "debench.toml").write_text("[interpreters\n")
    refused(invoke("run", *DECAY), "debench.toml: ")


@pytest.fixture
def corrupt(tmp_path):
    """A run with a line that cannot be read before its last."""
    run_cases([make_case("decay", "noop"), make_case("decay:T=1", "noop")], tmp_path / "run")
    path = tmp_path / "run" / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first[:50] + b"\n" + second)
    return tmp_path / "run"


def test_corrupt_store_is_one_sentence_and_left_as_it_is(invoke, corrupt):
    before = {file: file.read_bytes() for file in corrupt.rglob("*") if file.is_file()}
    words = ("run", "--problem", "decay", "--solver", "noop", "--plugin", NOOP, "--out", corrupt)
    refused(invoke(*words), "holds a run already; give another --out, or --resume")
    # Runs of `debench run --problem` are called adhoc.
    (corrupt / "run.json").write_text((corrupt / "run.json").read_text().replace('"test"', '"adhoc"'))
    before[corrupt / "run.json"] = (corrupt / "run.json").read_bytes()
    refused(invoke(*words, "--resume"), "records.jsonl, line 1 is unreadable; nothing was changed")
    assert before == {file: file.read_bytes() for file in corrupt.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((*HEAT, "ftcs:cels=10"), "Error: ftcs: unknown parameter 'cels'; did you mean 'cells'?\n"),
        ((*DECAY, "--out", "/proc/x"), "Error: cannot write to /proc/x: No such file or directory; choose another fol"),
    ],
)
def test_bad_input_to_the_real_command_is_one_sentence(words, sentence, debench):
    process = debench("run", *words)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith(sentence)
    assert said.count("\n") == 1
    assert printed == ""


def test_missing_backend_that_is_required_is_exit_status_1(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("DEBENCH_REQUIRE_BACKENDS", "1")
    monkeypatch.setenv("DEBENCH_PYTHON_SCIPY_IVP", "/nonexistent/[red]/python")
    result = invoke("run", *DECAY)
    assert result.exit_code == 1
    assert result.output.startswith(
        "not installed, although required — scipy-ivp: '/nonexistent/[red]/python' does not"
    )
    assert list(tmp_path.iterdir()) == []


def test_failed_cases_are_rows_of_a_run_that_succeeds(invoke, tmp_path):
    words = ("--solver", "faulty:fault=killed", "--solver", "faulty", "--seeds", "0-1", "--plugin", FAULTY)
    result = invoke("run", "--problem", "decay", *words, "--no-memory", "--timeout", 60, "--out", "[bold]")
    assert result.exit_code == 0, result.output
    statuses = [record.status for record in store.read(tmp_path / "[bold]")[0]]
    assert statuses == ["killed", "killed", "finished", "finished"]
    assert re.search(r"faulty:fault=killed .* killed ", result.output)
    assert "killed (2 of 4). A signal ended the worker" in result.output
    assert "  decay · faulty:fault=killed · seed 1: ended by signal SIGKILL\n" in result.output
    assert "[bold]/report.html" in result.output
    assert (tmp_path / "[bold]" / "report.html").is_file()


@pytest.mark.parametrize("words", [("list", "problems"), ("list", "solvers"), ("--help",), ("run", "--help")])
def test_command_that_shows_something_succeeds(words, invoke):
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert result.output.strip()


def test_list_shows_equation_dimension_reference_and_solvers_of_every_problem(invoke):
    result = invoke("list", "problems")
    assert result.exit_code == 0
    # Cells wrap, so the lines of a row are joined column by column; a row begins where its first cell is not empty.
    rows = []
    for line in re.findall(r"│(.*)│", result.output):
        cells = [cell.strip() for cell in line.split("│")]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
    shown = {row[0]: row for row in rows}
    assert set(shown) == set(problems.REGISTRY.names())
    for name, (_, equation, dimension, presets, reference, solved_by) in shown.items():
        problem = problems.REGISTRY.get(name)()
        assert equation == problem.equation
        assert dimension.split()[0] == str(problem.dimension)
        assert presets == (", ".join(problem.presets) or "–")
        assert reference == problem.reference_kind
        able = {n for n in backends.REGISTRY.names() if backends.REGISTRY.get(n)().unsupported(problem) is None}
        assert set(solved_by.split(", ")) == able
    assert shown["heat"][2] == "2 (1–100)"
    assert shown["burgers-1d"][4] == "Cole–Hopf transform, Gauss–Hermite quadrature"


def test_show_lists_every_parameter_with_default_values_and_meaning(invoke):
    shown = invoke("show", "jax-pinn").output
    assert "best-heat" in shown
    for piece in ("optimizer.damping", "adam, adamw, sgd, lbfgs, ssbroyden, lm, chain", "[sobol] points inside"):
        assert piece in " ".join(re.sub(r"[│\s]+", " ", shown).split()), piece
    assert "viscosity" in invoke("show", "burgers-1d").output
    assert invoke("show", "burgers").exit_code == 2


@pytest.mark.parametrize(("text", "seeds"), [("3", (3,)), ("0-2", (0, 1, 2)), ("5, 1-2,5", (5, 1, 2)), ("7-7", (7,))])
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert cli._seeds(None, None, text) == seeds


@pytest.mark.parametrize(
    ("text", "size"), [("800M", 800 * 2**20), ("4GiB", 2**32), ("1.5k", 1536), ("7", 7), (" 2 tb ", 2**41)]
)
def test_sizes_are_binary(text, size):
    assert cli._bytes(None, None, text) == size
