"""A report in a browser: every switch works, by keyboard and on a phone, and nothing is complained of."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Download, Page, sync_playwright

import reports
from benchmarks.interpreters import backends_required
from reports import history
from tests.reports.test_history import filled

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHIFT = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; }))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if backends_required():
            pytest.fail("no Chromium is installed; `make test` does so with apt")
        pytest.skip("no Chromium is installed")
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def report(run_dir: Path) -> Path:
    return reports.render(run_dir)[0]


@pytest.fixture(scope="module")
def trends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    filled(folder / "a.sqlite")
    with history.open_archive(folder / "a.sqlite") as archive:
        return history.write(history.compose(archive), folder)[0]


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, which must neither complain nor ask for anything from outside."""
    opened = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: complaints.extend([request.url] if request.url != report.as_uri() else []))
    opened.goto(report.as_uri())
    yield opened
    opened.close()
    assert [text for text in complaints if not text.startswith("blob:")] == []


def saved(page: Page, button: str) -> list[list[str]]:
    """The file that a button saves."""
    with page.expect_download() as waiting:
        page.locator(button).first.click()
    download: Download = waiting.value
    with Path(download.path()).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_every_link_leads_to_its_place(page: Page) -> None:
    links = page.locator("nav a, #overview a, #sources-table a")
    assert links.count() > 5
    for number in range(links.count()):
        links.nth(number).click()
        assert page.evaluate("document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null")


def test_a_table_is_sorted_by_the_column_that_is_clicked(page: Page) -> None:
    table = page.locator("table.data", has_text="network · width = 20").first
    header = table.locator("th.num").first
    column = header.evaluate("(cell) => cell.cellIndex")
    orders = []
    for direction in ("ascending", "descending"):
        header.locator("button").click()
        assert header.get_attribute("aria-sort") == direction
        read = "(rows, k) => rows.map((row) => row.cells[k].dataset.sort).filter(Boolean).map(Number)"
        orders.append(table.locator("tbody tr").evaluate_all(read, column))
    assert len(orders[0]) > 3
    assert orders[0] == sorted(orders[0])
    assert orders[1] == sorted(orders[0], reverse=True)


def test_what_was_not_reached_is_last_in_either_direction(page: Page) -> None:
    table = page.locator("table[id$=-by-method]").first
    header = table.locator("th.num").last
    for _ in range(2):
        header.locator("button").click()
        shown = [cell.inner_text() for cell in table.locator("tbody td:last-child").all()]
        assert len(shown) > 1
        assert [text.startswith("—") for text in shown] == sorted(text.startswith("—") for text in shown)


def test_numbers_are_sorted_around_words(page: Page) -> None:
    table = page.locator("table.data", has_text="network · width = 20").first
    header = table.locator("th.num").first
    column = header.evaluate("(cell) => cell.cellIndex")
    keys = "(rows, [k, keys]) => rows.forEach((row, n) => { row.cells[k].dataset.sort = keys[n % keys.length]; })"
    table.locator("tbody tr").evaluate_all(keys, [column, ["100", "not run", "1", "inf", "5"]])
    header.locator("button").click()
    read = "(rows, k) => rows.map((row) => row.cells[k].dataset.sort)"
    found = table.locator("tbody tr").evaluate_all(read, column)
    numbers = [float(key) for key in found if key.isdigit()]
    assert numbers == sorted(numbers)
    assert all(key.isdigit() for key in found[: len(numbers)])


def test_rows_are_filtered_by_all_words(page: Page) -> None:
    field = page.locator("input[aria-label*='Every configuration']").first
    name = field.get_attribute("data-table")
    rows = page.locator(f"#{name} tbody tr")
    field.fill("implicit  Finished")
    shown = rows.locator("visible=true").count()
    assert 0 < shown < rows.count()
    assert page.locator(f".tools:has([data-table={name}]) output").inner_text() == f"{shown} of {rows.count()} rows"
    field.fill("nothing like that")
    assert rows.locator("visible=true").count() == 0
    field.fill("")
    assert rows.locator("visible=true").count() == rows.count()


def test_a_table_is_saved_with_all_digits(page: Page) -> None:
    button = page.locator("button[data-csv]").first
    name = button.get_attribute("data-csv")
    head, *rows = saved(page, f"button[data-csv={name}]")
    assert len(rows) == page.locator(f"#{name} tbody tr").count()
    assert {len(row) for row in rows} == {len(head)}
    shown = page.locator(f"#{name} tbody td.num").evaluate_all("(cells) => cells.map((cell) => cell.dataset.sort)")
    assert set(filter(None, shown)) <= {value for row in rows for value in row}


def test_a_figure_is_saved_as_its_curves(page: Page) -> None:
    head, *rows = saved(page, "figure[id$=solve_median] button.data")
    assert head == ["panel", "curve", "solve time / s", "relative L2 error"]
    curves = {row[1] for row in rows}
    assert {"explicit · cells = 10, dt = 0.005", "network · width = 20", "classical Pareto front"} <= curves
    assert ["relative L2 error", "explicit · cells = 10, dt = 0.005", "0.00001"] in [row[:3] for row in rows]


def test_panels_above_each_other_are_saved_under_their_own_names(page: Page) -> None:
    head, *rows = saved(page, "figure[id^=decay][id*=states] button.data")
    assert head == ["panel", "curve", "t", "value"]
    assert len({row[0] for row in rows}) > 1
    assert "" not in {row[0] for row in rows}


def test_a_chart_has_the_colours_of_its_page(browser: Browser, report: Path) -> None:
    """What is drawn in the colour of text is so on a dark page, and solvers differ as in the picture."""
    opened = browser.new_page(color_scheme="dark", viewport=WIDE)  # type: ignore[arg-type]
    opened.goto(report.as_uri())
    figure = opened.locator("figure[id$=solve_median]").first
    figure.locator("button.zoom").click()
    figure.locator("canvas").wait_for()
    script = """(rows) => rows.map((row) => [row.querySelector("th").textContent,
      getComputedStyle(row.querySelector(".u-marker")).borderColor])"""
    colours = dict(figure.locator(".u-legend .u-series:has(.u-marker)").evaluate_all(script))
    assert colours["classical Pareto front"] == "rgb(230, 233, 236)"
    assert len({colour for name, colour in colours.items() if "front" not in name}) > 2
    opened.close()


def test_a_figure_becomes_a_chart_and_a_picture_again(page: Page) -> None:
    figure = page.locator("figure[id$=solve_median]").first
    zoom = figure.locator("button.zoom")
    zoom.click()
    assert zoom.get_attribute("aria-pressed") == "true"
    figure.locator("canvas").wait_for()
    assert figure.locator("canvas").count() == 1
    assert not figure.locator("> svg").is_visible()
    for box in figure.locator("input[type=checkbox]").all():
        assert box.is_checked()
        box.uncheck()
        assert figure.locator("canvas").count() == 1
    area = figure.locator(".u-over").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 50, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + 200, area["y"] + 150, steps=4)
    page.mouse.up()
    zoom.click()
    assert figure.locator("canvas").count() == 0
    assert figure.locator("> svg").is_visible()


def test_every_figure_with_curves_can_be_zoomed(page: Page) -> None:
    buttons = page.locator("button.zoom")
    assert buttons.count() > 5
    for button in buttons.all():
        button.evaluate("(one) => one.click()")
    page.wait_for_function("!document.querySelector('figure:has(button.zoom):not(:has(canvas))')")


def test_the_time_axis_is_switched(page: Page) -> None:
    part = page.locator(".switched:has(fieldset)").first
    figures = part.locator("figure")
    assert [figure.is_visible() for figure in figures.all()] == [True, True, False, False]
    part.locator("input[value='1']").check()
    assert [figure.is_visible() for figure in figures.all()] == [False, False, True, True]


def test_a_conclusion_leads_to_its_row_even_if_a_filter_hides_it(page: Page) -> None:
    link = page.locator(".conclusions a[href*='-table-']").first
    name = str(link.get_attribute("href")).removeprefix("#")
    row, field = page.locator(f"[id='{name}']"), page.locator("input[aria-label*='Every configuration']").first
    assert name.startswith(str(field.get_attribute("data-table")))
    field.fill("nothing like that")
    assert not row.is_visible()
    link.click()
    assert row.is_visible()
    assert page.evaluate("document.querySelector(':target').id") == name


def test_a_map_is_saved_as_its_numbers(page: Page) -> None:
    head, *rows = saved(page, "figure:has(image) button.data")
    assert {"u", "|error|"} <= set(head)
    assert len(rows) > 100
    assert {len(row) for row in rows} == {len(head)}


def test_the_keyboard_reaches_results_and_tables(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    header = page.locator("th[aria-sort] button").first
    header.focus()
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").first.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("which", ["report", "trends"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_serious_bars_anybody(
    which: str, scheme: str, viewport: dict[str, int], browser: Browser, request: pytest.FixtureRequest
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=viewport)  # type: ignore[arg-type]
    opened = context.new_page()
    opened.goto(request.getfixturevalue(which).as_uri())
    found = Axe().run(opened).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    context.close()


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_moves_while_it_loads(viewport: dict[str, int], browser: Browser, report: Path) -> None:
    opened = browser.new_page(viewport=viewport)  # type: ignore[arg-type]
    opened.goto(report.as_uri())
    assert opened.evaluate(SHIFT) < 0.01
    opened.close()


def test_a_printed_page_has_both_time_axes_and_no_switches(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator(".tools").first.is_visible()
    figures = page.locator(".switched:has(fieldset)").first.locator("figure")
    assert all(figure.is_visible() for figure in figures.all())
