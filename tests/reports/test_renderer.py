"""A figure shows all that was drawn, and is hardly larger."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from reports import renderer
from reports.drawing import canvas, finish, legend

NEAR = 4.0
"""Points by which a size may differ from matplotlib's, which counts the room in the frame of a legend that has none."""


def box(picture: str) -> tuple[float, ...]:
    """Left, top, width and height of a picture."""
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt" viewBox="([-\d. ]+)"', picture)
    assert found is not None
    left, top, width, height = map(float, found[3].split())
    assert (float(found[1]), float(found[2])) == (width, height)
    return left, top, width, height


def own_box(figure: Canvas) -> tuple[float, ...]:
    """What matplotlib finds out by laying it out once more: left, top, width and height in points."""
    extent = figure.get_tightbbox(renderer.Renderer(figure, io.StringIO()))
    height = figure.get_size_inches()[1]
    return tuple(72.0 * v for v in (extent.x0, height - extent.y1, extent.width, extent.height))


@pytest.mark.parametrize("kind", ["plain", "turned", "equal", "map", "rows"])
def test_a_figure_is_as_large_as_what_is_in_it(kind: str) -> None:
    with canvas(3.0, rows=2 if kind == "rows" else 1) as (figure, panels):
        axes = panels[-1]
        axes.plot([0.0, 1.0], [0.0, 1e4], label="line")
        axes.set(xlabel="a long name of an axis, g(x)", ylabel="another one")
        axes.set_title("what it is", loc="left")
        if kind == "turned":
            axes.text(1.0, 0.0, "words beyond the end", rotation=37.0)
        elif kind == "equal":
            axes.set(aspect="equal", xlim=(0.0, 1.0), ylim=(0.0, 1.0))
        elif kind == "map":
            figure.colorbar(axes.pcolormesh(np.eye(4), rasterized=True), ax=axes)
        else:
            legend(axes, [Line2D([], [], label="a line with a name that is longer than its axes are wide " * 2)], 1)
        found = box(renderer.write(figure, "one"))
        expected = own_box(figure)
    margins = np.array(found) - np.array(expected)
    # Wider by the padding on either side.
    assert margins == pytest.approx([-renderer.PADDING] * 2 + [2 * renderer.PADDING] * 2, abs=NEAR)


def test_every_entry_of_a_long_legend_is_drawn() -> None:
    colours = [f"#{100 + row:02x}8040" for row in range(60)]
    handles = [Line2D([], [], color=colour, label=f"entry {row}\nof many") for row, colour in enumerate(colours)]
    with canvas(2.0) as (figure, (axes,)):
        axes.plot([0.0, 1.0], [0.0, 1.0])
        legend(axes, handles, 1)
        picture = finish(figure, "long", "").svg
    for row, colour in enumerate(colours):
        assert f">entry {row}<" in picture
        assert re.search(rf'<path d="M[^"]*\d[^"]*" style="[^"]*stroke: {colour}', picture), row


def test_a_legend_leaves_its_axes_as_large_as_they_were() -> None:
    sizes = []
    for count in (0, 12):
        with canvas(3.0, rows=2) as (figure, (axes, other)):
            legend(other, [Line2D([], [], label=str(k)) for k in range(count)], 1)
            sizes.append([a.get_window_extent().size / figure.dpi for a in (axes, other)])
    assert np.allclose(*sizes)
