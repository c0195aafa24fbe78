from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from reports import svg
from reports.drawing import canvas, finish, legend, log_axis

NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def path(text: str) -> str:
    return svg.compact(f'<svg xmlns="http://www.w3.org/2000/svg"><path d="{text}" style="stroke: #123456"/></svg>')


def places(text: str) -> np.ndarray:
    """The corners (n, 2) of a path written as M x y l dx dy …, by what SVG says of relative lines."""
    start, _, steps = text.removesuffix("z").removeprefix("M").partition("l")
    points = [[float(number) for number in NUMBER.findall(start)]]
    numbers = [float(number) for number in NUMBER.findall(steps)]
    return np.cumsum(points + [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)], axis=0)


def test_corners_stay_where_they_are_to_a_hundredth_however_many_there_are():
    corners = np.cumsum(np.random.default_rng(3).normal(0.0, 2.0, (5000, 2)), axis=0)
    text = "M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in corners) + " "
    shorter = re.search(r' d="([^"]*)"', path(text))
    assert shorter is not None
    assert np.abs(places(shorter[1]) - corners).max() <= 0.005 + 1e-6
    assert len(shorter[1]) < 0.5 * len(text)


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("M 0 379.612677 L 291.694531 379.612677 L 0 0 z ", "M0 379.61l291.69 0-291.69-379.61z"),
        ("M 0.5 -0.254 L 0 3.5 ", "M.5-.25l-.5 3.75"),
        ("M 1 2 L 3 4 M 5 6 L 5 6 ", "M1 2l2 2M5 6l0 0"),
        ("M 10 20 ", "M10 20"),
    ],
)
def test_steps_are_written_as_short_as_svg_allows(text: str, shorter: str):
    assert f' d="{shorter}"' in path(text)


def test_curves_keep_their_letters():
    assert 'd="M 0 2.5 C 0.66 2.5 1.29 2.23 1.76 1.76 L 2 3 z "' in path(
        "M 0 2.5 C 0.663 2.5 1.29 2.236 1.767 1.767 L 2 3 z "
    )


def test_digits_of_words_are_kept():
    text = '<svg><text x="1.23456" transform="rotate(-0 1.23456 2)">dt = 0.00125</text></svg>'
    assert svg.compact(text) == '<svg><text x="1.23">dt = 0.00125</text></svg>'


def test_groups_without_a_word_are_left_out_and_others_keep_their_end():
    text = '<svg><g><g clip-path="url(#p1)"><g><use x="1"/></g></g><g/></g></svg>'
    assert svg.compact(text) == '<svg><g clip-path="url(#p1)"><use x="1"/></g></svg>'


def test_image_keeps_its_colours_and_what_is_not_seen():
    shades = np.zeros((64, 64, 4), np.uint8)
    shades[..., 0] = np.arange(64)[:, None] * 4
    shades[..., 2] = 255 - np.arange(64)[None] * 2
    shades[..., 3] = 255
    shades[:, :3, 3] = 40
    written = io.BytesIO()
    Image.fromarray(shades, "RGBA").save(written, "png")
    link = f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
    found = re.search(r'base64,([^"]*)', svg.compact(f'<svg><image xlink:href="{link}"/></svg>'))
    assert found is not None
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGBA"))
    assert (image[:, :3, 3] == 0).all()
    assert (image[:, 3:, 3] == 255).all()
    # Median cut halves the longest side of a box of colours: of so many in the rectangle none is longer than this.
    side = np.sqrt(2.0 * np.ptp(shades[..., 0]) * np.ptp(shades[:, 3:, 2]) / svg.CLEAR)
    apart = np.abs(image[:, 3:, :3].astype(int) - shades[:, 3:, :3])
    assert apart.max() <= side
    assert apart[..., (0, 2)].mean() <= side / 4.0


def test_what_most_of_a_figure_looks_like_is_said_once():
    """A style that matplotlib writes otherwise some day is said everywhere again, and pages grow."""
    with canvas(2.0) as (figure, panels):
        log_axis(panels[0], "y", [1e-3, 1.0])
        panels[0].plot([0.0, 1.0], [1e-3, 1.0])
        panels[0].set(xlabel="x", title="above")
        legend(panels[0], [Line2D([], [], label="a name")])
        drawn = finish(figure, "name", "A caption.").svg
    for name in ("f-rule", "f-edge", "f-middle", "f-end", "f-key"):
        assert f'class="{name}"' in drawn, name
    assert drawn.count("font-family") == 1
    assert drawn.count("<g>") == 0


def test_figure_is_a_picture_on_its_own():
    """Chromium and others want a name space, and pairs of everything that was opened."""
    with canvas(2.0) as (figure, panels):
        panels[0].plot([0.0, 1.0], [0.0, 1.0], label="<&>")
        panels[0].set(xlabel="<&>")
        drawn = finish(figure, "name", "A caption.").standalone
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<&>" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_ground_of_a_picture_on_its_own_is_white_wherever_it_begins():
    picture = svg.cropped(
        '<svg width="9pt" height="9pt" viewBox="0 0 9 9" version="1.1"><g/></svg>', (-2.5, 30.0, 40.0, 8.125)
    )
    assert 'width="40.00pt" height="8.12pt" viewBox="-2.50 30.00 40.00 8.12" version="1.1"' in picture
    ground = '<rect x="-2.50" y="30.00" width="40.00" height="8.12" fill="#ffffff"/>'
    assert svg.on_white(picture) == picture.replace("<g/>", ground + "<g/>")
