"""Figures written as SVG, each as large as what is in it.

Matplotlib finds out how far a figure reaches by laying it out once more, which takes half as long as drawing it. Here
the words note where they stand while they are drawn; all else lies within the axes, or left of words.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
from typing import Any, Literal, cast

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Bbox

from reports import svg

DPI, POINTS = 110, 72
"""Resolution of images in a figure, and of its own coordinates, as SVG has them."""
PADDING = 2.0
"""Points around what is in a figure."""


class Renderer(RendererSVG):
    """Writes SVG, and notes the corners of all words, in points from the upper left."""

    def __init__(self, figure: Figure, buffer: io.StringIO) -> None:
        width, height = figure.get_size_inches() * POINTS
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        super().__init__(width, height, buffer, image_dpi=DPI, metadata=metadata)  # type: ignore[no-untyped-call]
        self.corners: list[tuple[float, float]] = []

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | Literal["TeX"]
    ) -> tuple[float, float, float]:
        """Points that a word takes; nothing in a report is a formula."""
        return _size(s, prop)

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: FontProperties, angle: float, *args: Any, **options: Any
    ) -> None:
        """Write a word whose line begins at (x, y), turned by an angle in degrees."""
        super().draw_text(gc, x, y, s, prop, angle, *args, **options)  # type: ignore[no-untyped-call]
        width, height, descent = _size(s, prop)
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        for along, up in itertools.product((0.0, width), (-descent, height - descent)):
            self.corners.append((x + along * cosine - up * sine, y - along * sine - up * cosine))


def write(figure: Figure, name: str) -> str:
    """The SVG of a figure, small, without identifiers that would clash with those of a figure of another name."""
    figure.set_dpi(POINTS)
    # The salt makes identifiers unique to this figure, and the same in every rendering.
    mpl.rcParams["svg.hashsalt"] = name
    buffer = io.StringIO()
    renderer = Renderer(figure, buffer)
    width, height = figure.get_size_inches()
    mixed = MixedModeRenderer(figure, width, height, DPI, renderer)  # type: ignore[no-untyped-call]
    figure.draw(cast(RendererBase, mixed))
    renderer.finalize()  # type: ignore[no-untyped-call]
    ends = [(x, renderer.height - y) for axes in figure.axes for x, y in axes.bbox.get_points()]
    places = np.array(renderer.corners + ends)
    reach = Bbox([places.min(axis=0), places.max(axis=0)]).padded(PADDING)
    return svg.compact(svg.cropped(buffer.getvalue(), reach.bounds))


@functools.lru_cache(maxsize=8192)
def _size(text: str, font: FontProperties) -> tuple[float, float, float]:
    """Width, height and descent in points: figures have few different words, and measuring one is slow."""
    width, height, descent = TextToPath().get_text_width_height_descent(text, font, False)
    return float(width), float(height), float(descent)
