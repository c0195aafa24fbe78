"""The contents of a report in order, before any format: what HTML and Markdown have in common."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pandas as pd

from benchmarks.record import Record
from problems import Problem
from problems.families.eigenproblem import Eigenproblem
from reports import accuracy, dimension, drawing, figures, parallel, sources, training, workprecision
from reports.cells import Table
from reports.conclusions import conclude
from reports.costs import costs
from reports.drawing import Figure, Palette
from reports.frame import frame
from reports.run import Run
from reports.summary import Configuration, Section, sections
from reports.tables import cost_table, failures_table, measured, overview
from reports.words import WORK, number, scientific

T = TypeVar("T")

MOST_LINKS = 8
"""Rows that a conclusion leads to at most; the others stand in the same table."""
TAKEN = ("dimension", "environment", "failures", "main", "notes", "overview", "sources")
"""Places of a page that no problem has."""


@dataclass(frozen=True)
class Conclusion:
    """A sentence with the numbers of the rows of its section's table that it speaks of; none where it is about all.

    `more` says that it speaks of further rows.
    """

    text: str
    rows: tuple[int, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class Part:
    """One section of the report; `work` holds the same diagrams for solve time and for total time."""

    anchor: str
    title: str
    parameters: list[tuple[str, str, str]]
    reference: str
    conclusions: list[Conclusion]
    cost: Table | None
    by_method: Table | None
    table: Table
    work: list[list[Figure]]
    figures: list[Figure]
    commands: list[tuple[str, str]]


@dataclass(frozen=True)
class Chapter:
    """All sections of one problem, with what its sources published and claimed.

    `disputes` are sentences on claims that exclude each other, `evidence` the figures behind the claims, and `findings`
    all verdicts.
    """

    anchor: str
    name: str
    title: str
    equation: str
    citation: str
    parts: list[Part]
    published: Table | None
    verdicts: str
    claims: Table | None
    disputes: list[str]
    evidence: list[Figure]
    findings: list[sources.Finding]

    def anchors(self) -> list[str]:
        """Every place of the chapter that a link may lead to."""
        places = (finding.anchor for finding in self.findings)
        return list(dict.fromkeys([self.anchor, *(part.anchor for part in self.parts), *places]))


@dataclass(frozen=True)
class Scaling:
    """What one problem costs against its dimension; `commands` are those of rows that stand nowhere else.

    Its conclusions are drawn from the tables from `told` on, counted from 1.
    """

    anchor: str
    title: str
    conclusions: list[str]
    tables: list[Table]
    told: int
    figures: list[Figure]
    commands: list[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    summary: list[tuple[str, str]]
    notes: list[str]
    overview: Table | None
    sources: Table | None
    sources_left: str
    scaling_notes: list[str]
    scalings: list[Scaling]
    chapters: list[Chapter]
    failures: Table | None
    environment: list[tuple[str, str]]
    backends: list[tuple[str, str, str]]
    packages: list[tuple[str, str]]

    def figures(self) -> Iterator[Figure]:
        """Every figure, in order."""
        for scaling in self.scalings:
            yield from scaling.figures
        for chapter in self.chapters:
            yield from chapter.evidence
            for part in chapter.parts:
                yield from itertools.chain(*part.work, part.figures)


def compose(run: Run) -> Page:
    """Everything that a report on `run` says."""
    rows = frame(run.records)
    studies = dimension.studies(run.records)
    unshown = sections(rows[~rows["judged"]])
    unjudged = [s for study in studies for _, s in dimension.sections_of(study, unshown)]
    # What stands in no study either, since it was run in too few dimensions, is shown as any other row.
    aside = {case for s in unjudged for c in s.configurations for case in c.rows["case"]}
    courses = {s: training.read(run, s) for s in sections(rows[~rows["case"].isin(aside)])}
    found = {dataclasses.replace(s, looks=training.looks(its)): its for s, its in courses.items()}
    solvers = dict(zip(rows["solver"], rows["family"], strict=True))
    palette = Palette(solvers, rows.groupby("problem", sort=False)["solver"].unique())
    # What takes longest comes first: left for the end, it would keep one processor busy and the others idle.
    order = sorted(found, key=lambda s: -_size(run, s))
    jobs: list[Callable[[], Part | Scaling]] = [
        partial(_scaling, run, study, list(found), unjudged, palette) for study in studies
    ]
    jobs += [partial(_part, run, s, found[s], palette) for s in order]
    done = _shared(run, jobs)
    scalings = [scaling for scaling in done if isinstance(scaling, Scaling)]
    parts = dict(zip(order, (part for part in done if isinstance(part, Part)), strict=True))
    chapters = [
        _chapter(run, of_problem, {s: parts[s] for s in found if s.problem == name}, palette)
        for name, of_problem in rows.groupby("problem", sort=False)
    ]
    lost = [(section, c) for section in (*found, *unjudged) for c in section.configurations if c.failed]
    finished = int(rows["ok"].sum())
    verdicts = [finding for chapter in chapters for finding in chapter.findings]
    summary = [
        ("rows", str(len(rows))),
        ("finished", str(finished)),
        ("not finished", str(len(rows) - finished)),
        ("problems", str(rows["section"].nunique())),
        ("solvers", str(rows["solver"].nunique())),
        ("processor", str(run.environment.get("cpu", "not recorded"))),
        *([("accelerator", str(run.environment["gpu"]).partition(",")[0])] if run.environment.get("gpu") else []),
        ("made", str(run.info.get("created", "not recorded"))),
    ]
    return Page(
        title=str(run.info.get("title") or run.info.get("run") or run.path.name),
        summary=summary,
        overview=overview([(", ".join(filter(None, (s.problem, s.title))), _section_anchor(s), s) for s in found])
        if found
        else None,
        sources=sources.overview(verdicts),
        sources_left=sources.not_run(verdicts),
        scaling_notes=dimension.no_gpu(run.records),
        scalings=scalings,
        chapters=[chapter for chapter in chapters if chapter.parts or chapter.published or chapter.claims],
        failures=failures_table(lost) if lost else None,
        environment=_environment(run),
        backends=_backends(run),
        packages=sorted((str(k), str(v)) for k, v in _mapping(run.environment.get("packages")).items()),
        # Composing the chapters has added to the notes.
        notes=run.complaints(),
    )


def _size(run: Run, section: Section) -> int:
    """Number of evaluation points: the more there are, the longer take the reference and the pictures."""
    problem = run.problem(_record(run, section.configurations[0]))
    return len(problem.points()) if problem else 0


def _shared(run: Run, jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What the jobs return; what they have to say of the run's folder becomes a note of `run`, whoever did them."""

    def noted(job: Callable[[], T]) -> tuple[T, list[str], dict[str, str]]:
        with drawing.style():
            return job(), run.notes, run.missing

    done = parallel.each([partial(noted, job) for job in jobs])
    for _, notes, missing in done:
        if notes is not run.notes:
            run.missing |= missing
            for note in notes:
                run.note(note)
    return [result for result, _, _ in done]


def _chapter(run: Run, rows: pd.DataFrame, members: Mapping[Section, Part], palette: Palette) -> Chapter:
    """What `rows`, all of one problem, say; its sections have those that are judged for their answers."""
    problems = {s: run.problem(_record(run, s.configurations[0])) for s in members}
    firsts = rows.drop_duplicates("section")["case"]
    problem = next((p for case in firsts if (p := run.problem(run.record(case))) is not None), None)
    name = str(rows.iloc[0]["problem"])
    comparisons: list[sources.Comparison] = []
    if problem is not None and problem.published:
        comparisons = sources.compare_all(
            type(problem), [(c, instance) for s, instance in problems.items() if instance for c in s.configurations]
        )
    judgements: list[sources.Judgement] = []
    if problem is not None and problem.claims:
        judgements = sources.judge_all(run, rows, type(problem))
    judged = any(j.verdict != sources.NOT_RUN for j in judgements)
    compared = [c for c in comparisons if c.configuration is not None]
    counts = {
        verdict: sum(c.verdict == verdict for c in comparisons)
        for verdict in dict.fromkeys(c.verdict for c in comparisons)
    }
    anchor = _anchor(f"{name} problem" if name in TAKEN else name)
    return Chapter(
        anchor=anchor,
        name=name,
        title=problem.title if problem else name,
        equation=problem.equation if problem else "",
        citation=problem.citation if problem else "",
        parts=list(members.values()),
        published=sources.published_table(comparisons) if compared else None,
        verdicts="; ".join(f"{verdict}: {count}" for verdict, count in counts.items()),
        claims=sources.claims_table(judgements) if judged else None,
        disputes=sources.rivals(judgements),
        evidence=list(sources.of_claims(run, rows, type(problem), anchor)) if problem and judged else [],
        findings=sources.findings(name, anchor, comparisons, judgements),
    )


def _part(run: Run, section: Section, courses: list[training.Course], palette: Palette) -> Part:
    anchor = _section_anchor(section)
    problem = run.problem(_record(run, section.configurations[0]))
    # The clock of a trajectory is that of the solve phase.
    paths = {"solve_median": training.behind(courses)}
    drawn = (
        (
            workprecision.work_precision(section, work, palette, f"{anchor}-{work}", paths.get(work, ())),
            accuracy.figure(section, work, palette, f"{anchor}-accuracy-{work}"),
        )
        for work in WORK
    )
    table = costs(section)
    return Part(
        anchor=anchor,
        title=section.title or "Results",
        parameters=_parameters(problem, _record(run, section.configurations[0])),
        reference=_reference(problem, section),
        conclusions=[
            Conclusion(
                str(sentence),
                tuple(section.configurations.index(c) + 1 for c in sentence.about[:MOST_LINKS]),
                len(sentence.about) > MOST_LINKS,
            )
            for sentence in conclude(section, problem)
        ],
        cost=cost_table(table, section) if len(section.configurations) > 1 and table else None,
        by_method=accuracy.table(section) if len(section.configurations) > 1 else None,
        table=measured(section),
        work=[kept for pair in drawn if (kept := [figure for figure in pair if figure])],
        figures=list(figures.of_section(run, section, problem, courses, palette, anchor)),
        commands=list(_commands(run, section)),
    )


def _section_anchor(section: Section) -> str:
    return _anchor(f"{section.problem} {section.title or 'results'}")


def _commands(run: Run, section: Section) -> Iterator[tuple[str, str]]:
    for c in section.configurations:
        records = [run.record(case) for case in c.rows["case"]]
        for record, command in zip(records, run.commands(records), strict=True):
            yield f"{c.label}, seed {record.seed}" if len(records) > 1 else c.label, command


def _scaling(
    run: Run, study: dimension.Study, found: Sequence[Section], unjudged: Sequence[Section], palette: Palette
) -> Scaling:
    anchor = _anchor(f"dimension {study.title}")
    accuracies = [table for table in [dimension.accuracies(dimension.sections_of(study, found))] if table]
    return Scaling(
        anchor=anchor,
        title=study.title,
        conclusions=dimension.conclude(study),
        tables=[*accuracies, *dimension.tables_of(study)],
        told=len(accuracies) + 1,
        figures=list(dimension.figures_of(study, palette, anchor)),
        commands=[
            (f"d = {d}, {label}", command)
            for d, section in dimension.sections_of(study, unjudged)
            for label, command in _commands(run, section)
        ],
    )


def _record(run: Run, c: Configuration) -> Record:
    return run.record(str(c.first["case"]))


def _parameters(problem: Problem | None, record: Record) -> list[tuple[str, str, str]]:
    meaning = {}
    if problem is not None:
        meaning = {f.name: str(f.metadata.get("description", "")) for f in dataclasses.fields(problem)}
    given = [(name, value) for name, value in record.problem_parameters.items() if value is not None]
    return [(name, number(value), meaning.get(name, "")) for name, value in given]


def _reference(problem: Problem | None, section: Section) -> str:
    errors = [c.median("reference_error") for c in section.configurations if c.median("reference_error") >= 0.0]
    kind = problem.reference_method() if problem else "unknown kind"
    if not errors:
        return f"{kind} (its own error was not recorded)"
    if isinstance(problem, Eigenproblem):
        kind = f"{kind} (eigenvalues {', '.join(f'{value:.9g}' for value in problem.eigenvalues())})"
    return f"{kind}, " + ("to rounding" if max(errors) == 0.0 else f"error {scientific(max(errors), 2)}")


def _environment(run: Run) -> list[tuple[str, str]]:
    found = run.environment
    memory = found.get("memory_bytes")
    resumed = [f"{again.get('created')}, commit {_revision(again)}" for again in map(_mapping, _resumptions(run))]
    rows = [
        ("run", run.info.get("run", run.path.name)),
        ("suite", run.info.get("suite")),
        ("command", run.info.get("command")),
        ("created", run.info.get("created")),
        ("commit", _revision(found)),
        ("resumed", "; ".join(resumed)),
        ("platform", found.get("platform")),
        ("processor", found.get("cpu")),
        ("cores", found.get("cores")),
        ("memory", f"{memory / 2**30:.1f} GiB" if isinstance(memory, (int, float)) else None),
        ("accelerator", found.get("gpu") or "none"),
        ("Python", found.get("python")),
        ("fingerprint", found.get("fingerprint")),
        ("plugins", ", ".join(str(p) for p in run.info.get("plugins") or ()) or None),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _resumptions(run: Run) -> Sequence[object]:
    found = run.info.get("resumed")
    return found if isinstance(found, list) else ()


def _revision(found: Mapping[str, Any]) -> str:
    """The commit, and whether the tree was as it says; empty where that was not noted."""
    dirty = " with uncommitted changes" if found.get("git_dirty") else ""
    return f"{found['git_commit']}{dirty}" if found.get("git_commit") else ""


def _backends(run: Run) -> list[tuple[str, str, str]]:
    rows = []
    versions = {record.solver: record.backend_version for record in run.records if record.backend_version}
    for name, found in sorted(_mapping(run.info.get("backends")).items()):
        entry = _mapping(found)
        state = "available" if entry.get("available") else "not available"
        detail = entry.get("reason") or ", ".join(filter(None, (versions.get(name), str(entry.get("interpreter", "")))))
        rows.append((str(name), state, str(detail)))
    return rows


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _anchor(text: str) -> str:
    return re.sub(r"\W+", "-", text.lower().replace("= -", "= minus ")).strip("-")
