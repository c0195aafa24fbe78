"""Suites: what their grids expand to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from math import comb

import pytest

import backends
import problems
from backends.neural.tensor_points import Grid
from benchmarks import store, suites
from benchmarks.cases import Case
from benchmarks.suites import Overrides
from reports.sources.verdicts import LEVEL
from tests.benchmarks.conftest import make_case, run_cases


@pytest.fixture
def load(tmp_path):
    def load(text: str, **overrides):
        (tmp_path / "own.toml").write_text(text, encoding="utf-8")
        return suites.load(str(tmp_path / "own.toml"), Overrides(**overrides))

    return load


@pytest.mark.parametrize("name", suites.names())
def test_every_suite_of_the_product_loads(name):
    suite = suites.load(name, Overrides())
    assert suite.name == name
    assert suite.title
    assert len({case.hash for case in suite.cases}) == len(suite.cases) > 0
    for case in suite.cases:
        assert case.unsupported() is None or (name, *map(str, case.specs())) in SAID_WHY, case.label


SAID_WHY = {
    ("primer", "heat-1d@s3", "jax-pinn@s3-heat:network.activation=relu,iterations=5000"),
    ("sources", "heat-1d@s3", "jax-pinn@s3-heat:network.activation=relu,iterations=5000"),
    ("strong", "poisson:d=5", "fenics"),
    ("strong-steady", "poisson:d=5", "fenics"),
    ("dimension", "poisson:d=4,solution=sine-sum", "fenics:cells=16"),
    ("dimension-answers", "poisson:d=4,solution=sine-sum", "fenics:cells=16"),
}
"""Cases that cannot be run, and are in a suite so that its report says why."""


@pytest.mark.parametrize(
    ("name", "reason"),
    [("primer", "second derivatives of a relu network vanish"), ("strong", "meshes in one, two and three dimensions")],
)
def test_case_that_is_there_to_say_why_does_say_it(name, reason):
    (refused,) = [case for case in cases_of(name) if case.unsupported() is not None]
    assert reason in refused.unsupported()


def cases_of(name: str, tag: str = "") -> list[Case]:
    """Cases of a suite, all or those with a tag."""
    return [case for case in suites.load(name, Overrides()).cases if not tag or tag in case.published.split()]


def test_every_claim_of_a_source_has_evidence_in_some_suite():
    cases = [case for name in suites.names() for case in cases_of(name)]
    tags = {(case.problem.name, key) for case in cases for key in case.published.split()}
    own = [problems.REGISTRY.get(name) for name in problems.REGISTRY.names()]
    claims = {(cls.name, key) for cls in own if cls.__module__.startswith("problems.") for key in cls.claims}
    assert claims
    for name, key in claims:
        assert any(problem == name and (key == tag or key.startswith(f"{tag}/")) for problem, tag in tags), (name, key)


@pytest.mark.parametrize("name", ["diffusion-2020-steps", "diffusion-2020-fine"])
def test_grids_of_the_diffusion_study_have_the_step_of_the_source_and_are_judged_alike(name):
    """S1: dt = dx²/2 on (0, 1) × (0, 0.5]."""
    study = cases_of(name, "claim/smaller-dx")
    assert len({case.problem for case in study}) == 1
    seeds = defaultdict(set)
    for case in study:
        across, along = case.solver.points.counts
        assert 0.5 / (along - 1) == pytest.approx(0.5 / (across - 1) ** 2)
        seeds[across - 1].add(case.seed)
        plain = replace(case.solver, points=Grid((11, 101)))
        assert plain == type(case.solver).create({}, "s1-diffusion")
    parts = {"diffusion-2020-steps": {5, 10, 20}, "diffusion-2020-fine": {10, 20, 40, 100}}
    assert set(seeds) == parts[name]
    # The finest against the coarsest of the source decides, by a two-sided test on one or two engines.
    coarse, fine = len(seeds[10]), len(seeds[max(seeds)])
    assert 2.0 * 2.0 / comb(coarse + fine, fine) < LEVEL


def test_spacings_of_times_have_ten_seeds_each():
    study = cases_of("eigen-2020", "claim/smaller-dt")
    assert Counter((case.solver.name, case.solver.points.counts) for case in study) == {
        (name, (count,)): 10 for name in ("jax-pinn", "torch-pinn") for count in (6, 11, 51, 101)
    }


def test_batch_sizes_of_the_primer_double_from_1_to_1024_with_five_runs_each():
    study = cases_of("primer", "claim/batch-size")
    assert {case.solver.network.widths for case in study} == {(32, 32, 32)}
    assert {case.solver.iterations for case in study} == {1000}
    assert Counter((case.solver.name, case.solver.points.batch) for case in study) == {
        **{("jax-pinn", 2**k): 5 for k in range(11)},
        **{("torch-pinn", batch): 5 for batch in (1, 32, 1024)},
    }


def test_normalisation_of_the_primer_is_run_in_all_three_places_for_every_activation_that_can_be_trained():
    study = cases_of("primer", "claim/normalisation")
    assert Counter((c.problem.name, c.solver.network.activation, c.solver.network.normalisation) for c in study) == {
        (name, activation, place): 5
        for name, activation in (("heat-1d", "tanh"), ("decay", "tanh"), ("decay", "relu"))
        for place in ("none", "before", "after")
    }


@pytest.mark.parametrize("name", suites.names())
def test_published_examples_of_the_primer_are_judged_on_the_grid_of_the_source(name):
    for key in ("primer/heat", "primer/decay", "primer/fredholm", "primer/fitzhugh-nagumo"):
        assert {case.problem_preset for case in cases_of(name, key)} <= {"s3-grid"}


@pytest.mark.parametrize(
    ("key", "problem", "networks"),
    [("primer/heat", "heat-1d", {"s3-heat", "s3-heat-v1"}), ("primer/decay", "decay", {"s3-decay"})],
)
def test_examples_of_the_primer_are_judged_where_the_source_judged_them(key, problem, networks):
    study = cases_of("primer", key)
    assert {(case.problem.name, case.problem_preset) for case in study} == {(problem, "s3-grid")}
    assert {(c.solver.name, c.solver_preset) for c in study} == {
        (engine, preset) for engine in ("jax-pinn", "torch-pinn") for preset in networks
    }


OWN_PROBLEMS = {
    name for name in problems.REGISTRY.names() if problems.REGISTRY.get(name).__module__.startswith("problems.")
}


def test_best_networks_of_both_engines_stand_beside_classical_rungs_under_the_same_circumstances():
    cases = [case for case in cases_of("strong") if case.unsupported() is None]
    assert {(case.threads, case.precision) for case in cases} == {(2, "float64")}
    best, rungs = defaultdict(set), defaultdict(set)
    for case in cases:
        if case.solver_preset.startswith("best-"):
            best[case.problem].add((case.solver.name, case.seed))
        elif case.solver.family == "classical":
            rungs[case.problem].add(case.solver)
    seeds = {200, 201, 202, 203, 204}
    whole = {("jax-pinn", seed) for seed in seeds} | {("torch-pinn", seed) for seed in sorted(seeds)[:3]}
    # Every problem in at least one setting; none of the seeds on which the set-ups were chosen.
    many = {case.problem.name for case in cases_of("dimension")}
    assert {problem.name for problem, runs in best.items() if whole <= runs} | many == OWN_PROBLEMS
    assert min(seed for runs in best.values() for _, seed in runs) >= 200
    for problem in best:
        assert len(rungs[problem]) >= 2 or problem.parameters().get("d") == 5, problem


def test_networks_in_many_dimensions_stand_beside_sampling_or_grids():
    cases = [case for case in cases_of("dimension-answers") if case.unsupported() is None]
    networks = {case.problem for case in cases if case.solver.family == "neural"}
    classical = {case.problem for case in cases if case.solver.family == "classical"}
    wanted = {
        ("hjb-lq", 100),
        ("allen-cahn-nd", 100),
        ("black-scholes-nd", 100),
        ("poisson", 10),
        ("schroedinger-nd", 3),
    }
    assert wanted <= {(problem.name, problem.dimension) for problem in networks & classical}
    assert min(case.seed for case in cases if case.solver.family == "neural") >= 200


def test_steps_of_training_are_taken_from_1_to_1024_dimensions_in_every_way():
    steps = [case for case in cases_of("dimension-steps") if case.precision == "float32"]
    found = defaultdict(set)
    for case in steps:
        found[case.solver.name, case.solver.mode].add(case.problem.dimension)
    for mode in ("taylor", "nested-reverse", "forward-over-reverse", "hutchinson", "stde"):
        assert {2**k for k in range(11)} <= found["jax-pinn", mode]
        assert {1, 4, 16, 64, 256} <= found["torch-pinn", mode]


def test_parts_of_the_strong_suite_are_all_of_it():
    parts = [{case.hash for case in cases_of(name)} for name in suites.names() if name.startswith("strong-")]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert set.union(*parts) == {case.hash for case in cases_of("strong")}


def test_extrapolation_is_asked_of_the_published_network_and_measured_for_stronger_ones():
    study = cases_of("decay-2024", "claim/extrapolation")
    for engine in ("jax-pinn", "torch-pinn"):
        published = backends.REGISTRY.get(engine).create({}, "s2-decay")
        seeds = {case.seed for case in study if case.solver == published}
        # Two groups share a level of 5 %: all signs alike, on both sides, must be rarer than half of it.
        assert 2 * 2.0 ** -len(seeds) < 0.05 / 2
    assert len({case.solver for case in study}) == 2
    others = [case for case in cases_of("decay-2024") if case.solver.family == "neural" and not case.published]
    assert len({case.solver for case in others}) >= 6
    assert all(case.problem == problems.REGISTRY.get("decay").create({}, "s2") for case in study + others)


@pytest.mark.parametrize("name", suites.names())
def test_every_published_key_of_a_suite_names_a_figure_or_claim_of_its_problem(name):
    for case in suites.load(name, Overrides()).cases:
        said = {**case.problem.published, **case.problem.claims}
        for key in case.published.split():
            assert any(entry == key or entry.startswith(f"{key}/") for entry in said), key


def test_every_solver_of_the_product_is_in_the_smoke_or_the_quick_suite():
    used = {case.solver.name for name in ("smoke", "quick") for case in suites.load(name, Overrides()).cases}
    own = [name for name in backends.REGISTRY.names() if backends.REGISTRY.get(name).__module__.startswith("backends.")]
    assert set(own) <= used


def test_every_problem_of_the_product_is_in_some_suite():
    used = {case.problem.name for name in suites.names() for case in suites.load(name, Overrides()).cases}
    assert used >= OWN_PROBLEMS


def test_sources_hold_the_cases_of_every_study_with_their_tags():
    """A figure or a claim that a study is tagged for is judged in the whole as well."""
    whole = {case.hash: set(case.published.split()) for case in cases_of("sources")}
    for name in ("diffusion-2020", "diffusion-2020-steps", "eigen-2020", "decay-2024", "primer", "pitfalls"):
        for case in cases_of(name):
            assert set(case.published.split()) <= whole[case.hash], case.label


@pytest.mark.parametrize("name", ["sources", "strong-fronts"])
def test_speed_of_the_sources_is_judged_with_seeds_enough_for_two_engines(name):
    study = cases_of(name, "claim/seconds-against-a-minute")
    assert {case.problem for case in study} == {problems.REGISTRY.get("burgers-1d").create()}
    assert {case.threads for case in study} == {2}
    for engine in ("jax-pinn", "torch-pinn"):
        seeds = {case.seed for case in study if case.solver.name == engine}
        assert 2.0 * 2.0 ** (1 - len(seeds)) < LEVEL
    assert sum(case.solver.name == "fenics" for case in study) >= 3


def test_cases_of_another_suite_come_first_and_once(load):
    smoke = cases_of("smoke")
    suite = load(f"""
include = ["smoke"]
[[grid]]
problem = {str(smoke[0].specs()[0])!r}
solver = {str(smoke[0].specs()[1])!r}
[[grid]]
problem = "decay"
solver = "scipy-ivp:tolerance=1.5e-3"
""")
    assert [case.hash for case in suite.cases[:-1]] == [case.hash for case in smoke]
    assert suite.cases[-1].solver.tolerance == 1.5e-3
    assert load('include = ["smoke"]', seeds=(3,)).cases[0].seed == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('include = ["smokes"]', "unknown suite 'smokes'"),
        ('include = ["sources"]', "sources includes others itself"),
        ('include = "smoke"', "give a list of names of suites"),
        ("include = []", "give a list of names of suites"),
    ],
)
def test_suite_that_cannot_be_included_is_named(load, text, words):
    with pytest.raises(problems.InputError, match=words):
        load(text)


def test_lists_of_scalar_parameters_are_swept(load):
    suite = load("""
[[grid]]
problem = ["heat-1d", "heat-1d:mode=2"]
problem_parameters = { T = [0.1, 0.2] }
solver = ["ftcs", "scipy-odeint:cells=7"]
solver_parameters = { cells = [10, 20, 30] }
seeds = [4, 5]
""")
    assert len(suite.cases) == 2 * 2 * 2 * 3 * 2
    found = {(c.problem.mode, c.problem.T, c.solver.name, c.solver.cells, c.seed) for c in suite.cases}
    assert found == {
        (mode, T, solver, cells, seed)
        for mode in (1, 2)
        for T in (0.1, 0.2)
        for solver in ("ftcs", "scipy-odeint")
        for cells in (10, 20, 30)
        for seed in (4, 5)
    }


def test_kind_of_a_spec_and_parameters_of_a_table_make_one_choice(load):
    suite = load(
        """
        title = "t"
        [[grid]]
        problem = "fredholm"
        solver = "nystrom:rule=simpson"
        solver_parameters = { rule.nodes = [9, 17] }
        """
    )
    assert [(case.solver.rule.kind, case.solver.rule.nodes) for case in suite.cases] == [
        ("simpson", 9),
        ("simpson", 17),
    ]


def test_lists_of_tuples_are_swept_and_a_plain_list_is_one_tuple(load):
    suite = load("""
[[grid]]
problem = "decay"
solver = "jax-pinn"
solver_parameters = { network.widths = [[8], [8, 9]], optimizer = { rate = [1e-3, 1e-2] } }
[[grid]]
problem = "decay"
solver = "jax-pinn:network.widths=[5,6]"
""")
    found = [(case.solver.network.widths, case.solver.optimizer.rate) for case in suite.cases]
    assert found[:4] == [((8,), 1e-3), ((8,), 1e-2), ((8, 9), 1e-3), ((8, 9), 1e-2)]
    assert [widths for widths, _ in found[4:]] == [(5, 6)]


def test_lists_in_a_spec_are_swept_too():
    suite = suites.from_specs(["decay:k=[1,2]"], ["jax-pinn:network.widths=[[8],[9,9]]"], Overrides())
    assert [(case.problem.k, case.solver.network.widths) for case in suite.cases] == [
        *((1.0, (8,)), (1.0, (9, 9)), (2.0, (8,)), (2.0, (9, 9)))
    ]


def test_published_keys_are_filled_in_with_parameters(load):
    suite = load("""
[[grid]]
problem = "decay@s3"
problem_parameters = { k = [1.0, 2.5] }
solver = "scipy-ivp"
published = "table/{problem[k]:.2f}/{solver[method]}"
""")
    assert [case.published for case in suite.cases] == ["table/1.00/DOP853", "table/2.50/DOP853"]


TWICE = """
[[grid]]
problem = "decay@s2"
solver = "noop"
published = "figure-1"
[[grid]]
problem = ["decay", "decay:k=1"]
solver = "noop"
published = "table-2"
"""


def test_case_that_is_named_twice_runs_once_with_both_figures(load, tmp_path):
    make_case("decay", "noop")
    suite = load(TWICE)
    assert [case.published for case in suite.cases] == ["figure-1 table-2"]
    run_cases(list(suite.cases), tmp_path / "run")
    assert [record.published for record in store.read(tmp_path / "run")[0]] == ["figure-1 table-2"]


def test_case_is_judged_if_one_of_its_mentions_is(load):
    grids = """
        [[grid]]
        problem = "heat-1d"
        solver = {}
        judged = {}
    """
    text = grids.format('["ftcs", "fenics"]', "false") + grids.format('["ftcs", "scipy-odeint"]', "true")
    judged = {case.solver.name: case.judged for case in load(text).cases}
    assert judged == {"ftcs": True, "fenics": False, "scipy-odeint": True}
    record = load(text).cases[1].blank_record("run", "finished")
    assert not record.judged
    assert not Case.from_record(record).judged


def test_solver_named_twice_on_the_command_line_runs_once():
    suite = suites.from_specs(["decay"], ["scipy-ivp", "scipy-ivp:method=DOP853"], Overrides())
    assert len(suite.cases) == 1


def test_command_line_overrides_the_suite(load):
    make_case("decay", "noop")
    text = '[[grid]]\nproblem = "decay"\nsolver = "noop"\nseeds = [1]\nthreads = 2\nprecision = "float64"\n'
    (case,) = load(text).cases
    assert (case.seed, case.threads, case.precision) == (1, 2, "float64")
    one, other = load(text, seeds=(7, 8), precision="float32", threads=3, device="cuda").cases
    assert (one.seed, other.seed) == (7, 8)
    assert (one.threads, one.precision) == (3, "float32")
    assert one.device == "cpu"  # It cannot run anywhere else.


def test_limits_are_those_of_the_suite(load):
    make_case("decay", "noop")
    limits = load(
        '[limits]\ntimeout = 7\nrounds = 2\nrounds_budget = 0.5\n[[grid]]\nproblem = "decay"\nsolver = "noop"'
    ).limits
    assert (limits.timeout_s, limits.rounds, limits.rounds_budget_s) == (7, 2, 0.5)
