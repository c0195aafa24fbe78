"""The written reports are complete, self-contained and safe, whatever the run's folder holds."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from problems import InputError
from reports import markdown
from reports.html import TEMPLATES
from reports.markdown import plain
from reports.page import compose
from reports.run import Run
from tests.reports.synthetic import HOSTILE, Writer, exact

VOID = {"meta", "br", "input", "link", "img", "hr"}


class Balanced(HTMLParser):
    """Collects scripts and links, and insists that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script" and not attrs  # With a type they are data.
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "xlink:href") and value:
                (self.targets if value.startswith("#") else self.outside).append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(rendered: tuple[str, str]) -> Balanced:
    parser = Balanced()
    parser.feed(rendered[0])
    return parser


def test_html_is_well_formed_and_every_link_leads_somewhere(page: Balanced) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets} <= set(page.ids)


def test_html_needs_nothing_from_outside(rendered: tuple[str, str], page: Balanced) -> None:
    assert all(target.startswith("data:image/png;base64,") for target in page.outside)
    library = (TEMPLATES / "vendor" / "uPlot.iife.min.js").read_text("utf-8")
    assert library in rendered[0]
    text = re.sub(r'xmlns(:xlink)?="[^"]*"', "", rendered[0].replace(library, ""))
    assert not re.search(r"https?://|@import|url\((?!#|data:)", text)
    assert len(rendered[0]) < 5e6


def test_text_of_a_record_cannot_become_markup(rendered: tuple[str, str], page: Balanced) -> None:
    html, markdown = rendered
    assert page.scripts == 3
    assert "&lt;script&gt;alert" in html
    assert "<script>" not in markdown
    assert plain(HOSTILE) in markdown


def test_no_text_of_a_run_becomes_markup_or_a_formula(tmp_path: Path) -> None:
    """Wherever names come from: a plugin may choose them, and matplotlib would stop at a formula that is none."""
    hostile = HOSTILE + r" $\frac$ </script>"
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    trace = {"loss_iterations": np.arange(3), "loss_history": np.array([3.0, 2.0, 1.0])}
    trace |= {"loss_terms": np.ones((3, 2))}
    common = {"family": "neural", "arrays": trace, "facts": {"term_names": f"{hostile}, b", "stopped_by": hostile}}
    for number, error in enumerate((1e-2, 1e-3, 1e-4)):
        settings = {"expr": f"{number} {hostile}"}
        writer.add(decay, hostile, exact(decay, error), settings=settings, device_method=hostile, **common)
        writer.add(decay, f"classical {hostile}", exact(decay, error / 10.0), settings=settings, host_method=hostile)
    folder = writer.finish()
    info = json.loads((folder / "run.json").read_text("utf-8"))
    info["environment"] = {name: hostile for name in ("cpu", "python", "gpu", "git_commit", "platform")}
    info["environment"]["packages"] = {hostile: hostile}
    info["backends"] = {hostile: {"available": False, "reason": hostile}}
    (folder / "run.json").write_text(json.dumps(info | {name: hostile for name in ("title", "command", "suite")}))
    html, markdown = (path.read_text("utf-8") for path in reports.render(folder))
    checked = Balanced()
    checked.feed(html)
    assert checked.scripts == 3
    assert r"$\frac$" in html
    # What stands between fences is shown as it is.
    assert "<script>alert" not in html + re.sub(r"```sh\n.*?```", "", markdown, flags=re.DOTALL)
    assert all("<script>alert" not in path.read_text("utf-8") for path in (folder / "figures").iterdir())


def test_losses_without_logarithms_leave_the_rest_of_the_report_as_it_is(tmp_path: Path) -> None:
    """A loss that never changed is zero once its smallest value is taken away."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    trace = {"loss_iterations": np.arange(2), "loss_history": np.full(2, -2.5)}
    trace |= {"loss_terms": np.array([[-2.5, 0.0], [-2.5, 0.0]])}
    writer.add(decay, "network", exact(decay, 1e-3), family="neural", arrays=trace)
    html = reports.render(writer.finish())[0].read_text("utf-8")
    assert "Total loss (dark) and its terms" in html


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(rendered: tuple[str, str]) -> None:
    width = 0
    tables = 0
    for line in rendered[1].splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert width in (0, cells) or cells == 0, line
        tables += width == 0 and cells > 0
        width = cells
    assert tables > 20


def test_figures_of_the_markdown_exist_and_are_svg(run_dir: Path, rendered: tuple[str, str]) -> None:
    linked = re.findall(r"\]\((figures/[^)]+)\)", rendered[1])
    assert len(linked) == len(set(linked)) > 20
    assert {f"figures/{path.name}" for path in (run_dir / "figures").iterdir()} == set(linked)
    for name in linked:
        assert ET.parse(run_dir / name).getroot().tag.endswith("svg")


@pytest.mark.parametrize("expected", ["dolfinx cannot be imported", "not installed", "400 of 400 values are NaN"])
def test_what_failed_is_shown_with_its_reason(rendered: tuple[str, str], expected: str) -> None:
    assert all(text.count(expected) >= 1 for text in rendered)


def test_the_same_run_gives_the_same_report(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    first, again = ([path.read_bytes() for path in reports.render(folder)] for _ in range(2))
    assert first == again


def small_run(folder: Path) -> Path:
    import problems

    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    writer.add(decay, "integrator", exact(decay, 1e-4))
    writer.add(decay, "other", exact(decay, 1e-5))
    return writer.finish()


def test_a_line_cut_short_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    records = folder / "records.jsonl"
    text = records.read_text(encoding="utf-8")
    records.write_text(text[: len(text) - 200], encoding="utf-8")
    html, markdown = reports.render(folder)
    assert "records.jsonl, line 2" in html.read_text(encoding="utf-8")
    assert "line 2 was cut off" in markdown.read_text(encoding="utf-8")
    assert len(reports.load(folder)) == 1


@pytest.mark.parametrize("damage", ["missing", "garbage", "no description"])
def test_missing_and_damaged_files_are_noted(tmp_path: Path, damage: str) -> None:
    folder = small_run(tmp_path / "run")
    solution = folder / "solutions" / "case00000000.npz"
    if damage == "missing":
        solution.unlink()
    elif damage == "garbage":
        solution.write_bytes(b"PK\x03\x04 not an archive")
    else:
        (folder / "run.json").unlink()
    expected = "run.json is missing" if damage == "no description" else "solutions/case00000000.npz"
    html, _ = reports.render(folder)
    assert expected in html.read_text(encoding="utf-8")


def test_many_missing_solutions_are_one_note(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for seed in range(5):
        writer.add(decay, "network", exact(decay, 1e-3), family="neural", seed=seed)
    folder = writer.finish()
    shutil.rmtree(folder / "solutions")
    notes = compose(Run.open(folder)).notes
    assert [note for note in notes if "missing" in note] == [
        "The solution of network on decay (solutions/case00000000.npz) and 4 more are missing or damaged: pictures and "
        "training curves that need what is not there are left out."
    ]


def test_a_problem_unknown_here_is_reported_without_pictures(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    records = folder / "records.jsonl"
    records.write_text(records.read_text(encoding="utf-8").replace('"decay"', '"elsewhere"'), encoding="utf-8")
    html, _ = reports.render(folder)
    assert "&#39;elsewhere&#39; has no equation and no pictures here" in html.read_text(encoding="utf-8")


@pytest.mark.parametrize("prepare", ["no folder", "no records", "only garbage"])
def test_a_folder_without_records_is_refused_with_a_remedy(tmp_path: Path, prepare: str) -> None:
    folder = tmp_path / "run"
    if prepare != "no folder":
        folder = small_run(folder)
        shutil.rmtree(folder / "solutions")
        (folder / "records.jsonl").write_text("{oops\n" if prepare == "only garbage" else "", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds no records.*debench run"):
        reports.render(folder)


def test_each_row_comes_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    import backends
    import problems

    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    ftcs = backends.REGISTRY.get("ftcs").create({"cells": 33})
    writer = Writer(tmp_path / "run")
    writer.add(heat, "ftcs", exact(heat, 1e-3), settings=ftcs.parameters(), seed=4, problem_preset="s1")
    for text in (path.read_text(encoding="utf-8") for path in reports.render(writer.finish())):
        assert "debench run --problem heat-1d@s1 --solver ftcs:cells=33 --seeds 4" in text


@pytest.mark.parametrize(("preset", "dots"), [("s3", False), ("s3-grid", True)])
def test_two_components_are_told_apart_and_drawn_in_the_phase_plane(tmp_path: Path, preset: str, dots: bool) -> None:
    problem = problems.REGISTRY.get("fitzhugh-nagumo").create({}, preset)
    writer = Writer(tmp_path / "run")
    writer.add(problem, "integrator", exact(problem, 1e-6), problem_preset=preset)
    reports.render(writer.finish())
    (states,), (plane,) = (
        [path.read_text(encoding="utf-8") for path in writer.folder.rglob(f"*-{figure}.svg")]
        for figure in ("states", "phase-plane")
    )
    assert {"y₁", "y₂"} <= set(re.findall(r">([^<>]+)</text>", states))
    assert {"y₁", "y₂", "reference"} <= set(re.findall(r">([^<>]+)</text>", plane))
    assert (plane.count("<use ") > 50) == dots


def test_states_stand_beside_the_exact_ones_with_their_energies_and_norms(
    run_dir: Path, rendered: tuple[str, str]
) -> None:
    names = {path.name for path in (run_dir / "figures").iterdir()}
    assert any("eigenfunctions" in name for name in names)
    assert any("claim-zero-function" in name for name in names)
    assert "exact (eigenvalues -0.08, -0.0408163265, -0.024691358), error 6" in rendered[1]
    for column in ("E0", "E1", "E2", "norm"):
        assert f"| {column} " in rendered[1]


def test_solutions_of_an_integral_equation_are_drawn_over_x_with_their_orders(tmp_path: Path) -> None:
    problem = problems.REGISTRY.get("fredholm").create({}, "logarithmic")
    writer = Writer(tmp_path / "run")
    for nodes in (9, 17, 33, 65):
        h = 2.0 / (nodes - 1)
        writer.add(problem, "nystrom", exact(problem, h**2), settings={"nodes": nodes}, dx=h)
    writer.add(problem, "network", exact(problem, 1e-4), family="neural")
    _, markdown = reports.render(writer.finish())
    (states,), (study,) = (
        [path.read_text(encoding="utf-8") for path in writer.folder.rglob(f"*-{figure}.svg")]
        for figure in ("states", "dx")
    )
    assert {"x", "y", "|error|", "reference"} <= set(re.findall(r">([^<>]+)</text>", states))
    assert "order 2.00" in study
    assert "states.svg" in markdown.read_text(encoding="utf-8")


def test_parameters_that_are_not_given_are_left_out(rendered: tuple[str, str]) -> None:
    (line,) = [line for line in rendered[1].splitlines() if line.startswith("states = 3, ")]
    assert line.startswith("states = 3, potential = hydrogen, ell = 2, Z = 1. Reference: exact")


def test_states_that_vanished_are_named_with_their_norm_where_they_are_drawn(
    run_dir: Path, rendered: tuple[str, str]
) -> None:
    assert "A norm below 0.1 means that a state had all but vanished and is drawn enlarged." in rendered[1]
    (figure,) = (run_dir / "figures").glob("schroedinger-radial-*-eigenfunctions.svg")
    assert re.search(r"network, norm \d(\.\d)?e-\d", figure.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stopped"]
)
def test_a_report_that_cannot_be_finished_leaves_the_earlier_one(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    writer.add(decay, "integrator", exact(decay, 1e-6))
    folder = writer.finish()
    before = {path: path.read_bytes() for path in reports.render(folder)}
    write = Path.write_text

    def half(self: Path, text: str, **how: str) -> int:
        write(self, text[: len(text) // 2], **how)
        raise failure

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(InputError if isinstance(failure, OSError) else KeyboardInterrupt, match=r"No space|^$"):
        reports.render(folder)
    assert {path: path.read_bytes() for path in before} == before
    assert list(folder.rglob("*.part")) == []


def test_conclusions_lead_to_the_rows_of_which_they_speak(run_dir: Path) -> None:
    parts = [part for chapter in compose(Run.open(run_dir)).chapters for part in chapter.parts]
    told = [(conclusion, part) for part in parts for conclusion in part.conclusions]
    assert sum(bool(conclusion.rows) for conclusion, _ in told) > 10
    for conclusion, part in told:
        labels = [part.table.rows[row - 1][0] for row in conclusion.rows]
        assert all(label.text in conclusion.text for label in labels)
        assert [label.detail for label in labels] == [f"row {row}" for row in conclusion.rows]


def test_every_table_of_a_source_stands_in_one_place_with_what_rows_say_about_it(run_dir: Path) -> None:
    page = compose(Run.open(run_dir))
    assert page.sources
    rows = {(row[0].detail, row[0].text, row[1].text, row[2].text): row[3:] for row in page.sources.rows}
    heat = rows["S1 (2020)", "Table I", "heat-1d", "figures"]
    # Mean and maximum of two rungs and of a network, each as synthetic rows have them.
    (chapter,) = [chapter for chapter in page.chapters if chapter.name == "heat-1d"]
    assert chapter.published
    verdicts = [
        row[[c.title for c in chapter.published.columns].index("verdict")].text for row in chapter.published.rows
    ]
    assert heat[0].text == "6"
    counts = dict(part.split(": ") for part in heat[1].text.split("; "))
    assert {verdict: verdicts.count(verdict) for verdict in counts} == {v: int(n) for v, n in counts.items()}
    assert sum(map(int, counts.values())) == 6
    assert ("S4 (2021)", "a d orbital in two dimensions", "schroedinger-radial", "claims") in rows
    assert page.sources_left.startswith("Not run here: S1 (2020): ")
    assert "on convergence, claims (burgers-1d)" in page.sources_left
    assert "Table I, claims (heat-1d)" in page.sources_left
    assert "Table I (heat-1d)" not in page.sources_left


def test_a_run_that_was_meant_for_no_source_has_no_table_of_sources(tmp_path: Path) -> None:
    assert compose(Run.open(small_run(tmp_path / "run"))).sources is None


def test_set_ups_of_published_figures_are_marked(run_dir: Path) -> None:
    """Those of the synthetic run are in sections of their own; claims are no figures."""
    sections = {part.title: part for chapter in compose(Run.open(run_dir)).chapters for part in chapter.parts}
    solve, _ = sections["s1-coarse"].work
    (panel,) = solve[0].panels
    curves = {curve.label: curve for curve in panel.curves}
    ring = curves["set-up of a published figure"]
    others = {
        (x, y) for label in ("explicit", "network") for x, y in zip(curves[label].x, curves[label].y, strict=True)
    }
    assert set(zip(ring.x, ring.y, strict=True)) == others
    assert "Rings mark set-ups for which a source prints a figure." in solve[0].caption
    assert "Rings" not in sections["s1"].work[0][0].caption


def anchors(text: str) -> set[str]:
    return set(re.findall(r'<a id="([^"]*)">', text))


def test_links_of_the_markdown_lead_somewhere(rendered: tuple[str, str]) -> None:
    headings = {"failures", "environment", "running-it-again"}
    targets = set(re.findall(r"\]\(#([^)]*)\)", rendered[1]))
    assert len(targets) > 10
    assert targets <= anchors(rendered[1]) | headings


def test_a_markdown_report_too_long_for_a_code_host_is_divided_into_chapters(
    run_dir: Path, rendered: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, links lead to the files, and all is one page again when it has become shorter."""
    folder = shutil.copytree(run_dir, tmp_path / "run")
    monkeypatch.setattr(markdown, "LARGEST", 10_000)
    _, written = reports.render(folder)
    text = written.read_text("utf-8")
    files = {path.name: path.read_text("utf-8") for path in (folder / "chapters").iterdir()}
    assert len(files) > 2
    assert len(text) < 0.5 * len(rendered[1])
    links = re.findall(r"\]\(chapters/([^)#]*)#([^)]*)\)", text)
    assert {name for name, _ in links} == set(files)
    assert all(anchor in anchors(files[name]) for name, anchor in links)
    pictures = [name for chapter in files.values() for name in re.findall(r"\]\(\.\./(figures/[^)]*)\)", chapter)]
    assert len(pictures) > 5
    assert all((folder / name).exists() for name in pictures)
    everything = "\n".join([text, *files.values()]).replace("](../figures/", "](figures/")
    apart = re.sub(r"\]\(chapters/[^)#]*#", "](#", everything)
    assert set(rendered[1].splitlines()) <= set(apart.splitlines())
    monkeypatch.undo()
    reports.render(folder)
    assert not list((folder / "chapters").iterdir())
    assert written.read_text("utf-8") == rendered[1]
