from __future__ import annotations

from itertools import combinations

from reports.drawing import Palette

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


def test_colours_are_shared_evenly_where_there_are_too_few():
    palette = Palette(FAMILIES, [FAMILIES])
    uses = [sum(palette[one] == palette[other] for other in CLASSICAL) for one in CLASSICAL]
    assert max(uses) == 2
