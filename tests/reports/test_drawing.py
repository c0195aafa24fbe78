from __future__ import annotations

import re
from itertools import combinations

from reports.drawing import Palette, component_colours, instant_colours
from reports.html import TEMPLATES

CLASSICAL = [f"method {i}" for i in range(13)]
FAMILIES = {**dict.fromkeys(CLASSICAL, "classical"), "network": "neural", "other network": "neural"}
TOGETHER = [
    {*CLASSICAL[:5], "network"},
    {CLASSICAL[0], CLASSICAL[2], *CLASSICAL[5:8], "network", "other network"},
    {CLASSICAL[1], *CLASSICAL[7:12]},
    {CLASSICAL[4], CLASSICAL[12]},
]


def test_solvers_that_stand_in_one_figure_differ_in_colour_though_there_are_more_solvers_than_colours():
    palette = Palette(FAMILIES, TOGETHER)
    assert len({palette[solver] for solver in CLASSICAL}) < len(CLASSICAL)
    for group in TOGETHER:
        assert all(palette[one] != palette[other] for one, other in combinations(group, 2))


def test_families_share_no_colour():
    palette = Palette(FAMILIES, [FAMILIES])
    assert {palette[s] for s, f in FAMILIES.items() if f == "neural"}.isdisjoint(palette[s] for s in CLASSICAL)


def luminance(colour: str) -> float:
    """Relative luminance of a colour in sRGB (WCAG 2.2)."""
    values = (int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_colour_is_seen_on_a_dark_page() -> None:
    """Graphics need a contrast of 3 (WCAG 2.2, criterion 1.4.11)."""
    style = (TEMPLATES / "report.css").read_text("utf-8")
    paper = re.search(r"prefers-color-scheme: dark.*?--paper: (#[0-9a-f]{6})", style, re.DOTALL)
    assert paper is not None
    palette = Palette(FAMILIES, [FAMILIES])
    counts = range(1, 25)
    several = [colour for n in counts for colour in (*component_colours(n), *instant_colours(n))]
    for colour in {palette[solver] for solver in FAMILIES} | set(several):
        assert (luminance(colour) + 0.05) / (luminance(paper[1]) + 0.05) >= 3.0, colour


def test_colours_are_shared_evenly_where_there_are_too_few():
    palette = Palette(FAMILIES, [FAMILIES])
    uses = [sum(palette[one] == palette[other] for other in CLASSICAL) for one in CLASSICAL]
    assert max(uses) == 2
