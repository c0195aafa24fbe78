"""SVG as matplotlib writes it, made several times smaller: many figures share a page."""

from __future__ import annotations

import base64
import functools
import io
import re
from collections.abc import Sequence

from PIL import Image

INK, RULE = "#010203", "#010204"
"""Colours that stand for those of the page."""
TEXT = f"fill: {INK}"
STYLES = {
    "f-rule": f"fill: none; stroke: {RULE}; stroke-width: 0.6; stroke-linecap: square",
    "f-edge": f"fill: none; stroke: {INK}; stroke-width: 0.7; stroke-linejoin: miter; stroke-linecap: square",
    "f-middle": f"font-size: 9px; text-anchor: middle; {TEXT}",
    "f-end": f"font-size: 9px; text-anchor: end; {TEXT}",
    "f-start": f"font-size: 9px; text-anchor: start; {TEXT}",
    "f-key": f"font-size: 8.5px; text-anchor: start; {TEXT}",
}
"""What most lines and words of a figure look like, under the name of a class that is the same in all figures."""
CLEAR = 63
"""What a pixel that is not seen has for a colour; the numbers below it are those of others."""
OPAQUE = 224
"""Pixels on the edge of a map are partly transparent, and dark without that."""

CLASSES = "".join(f".{name}{{{style}}}" for name, style in STYLES.items())
SIZE = re.compile(r'width="[^"]*" height="[^"]*" viewBox="[^"]*"')
START = re.compile(r'<svg [^>]*viewBox="([^"]*)"[^>]*>')
# Text is what a reader sees, with all of its digits.
DECIMALS = re.compile(r"(>[^<]+)|(\.\d\d)\d+")
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
LINE_BREAK = re.compile(r"\s*\n\s*")
NAME = re.compile(r' id="[A-Za-z][\w.]*_\d+"')
FAMILIES = re.compile(r" font-family: ([^;]*);")
NO_ROTATION = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
# A tick's definition has its style already; a marker that is filled otherwise is not meant.
TICK = re.compile(r'(<use [^>]*) style="fill: (#\w+); stroke: \2; stroke-width: 0.8"')
STRAIGHT = re.compile(r' d="([MLz0-9. -]*)"')
# Backgrounds of figures and axes are transparent: neither filled nor drawn around.
UNSEEN = re.compile(r'<path d="[^"]*"( clip-path="[^"]*")? style="fill: none"/>')
GROUP = re.compile(r"</?g\b[^>]*>")
PNG = re.compile(r"data:image/png;base64,([^\"]*)")


def compact(svg: str) -> str:
    """The same picture: hundredths of a point, fonts named once, images in few colours, and no names of groups.

    Names that matplotlib gives to parts would clash with those of another figure.
    """
    svg = METADATA.sub("", svg[svg.index("<svg") :])
    svg = PNG.sub(lambda match: f"data:image/png;base64,{_few_colours(match[1])}", svg)
    svg = LINE_BREAK.sub(" ", NAME.sub("", svg)).strip()
    svg = STRAIGHT.sub(lambda path: f' d="{_steps(path[1])}"', svg)
    svg = DECIMALS.sub(lambda found: found[1] or found[2], svg)
    families = FAMILIES.search(svg)
    if families:
        svg = FAMILIES.sub("", svg).replace("<svg ", f'<svg style="font-family: {families[1]}" ', 1)
    for name, style in STYLES.items():
        svg = svg.replace(f'style="{style}"', f'class="{name}"')
    svg = svg.replace("</style>", f"{CLASSES}</style>", 1)
    svg = TICK.sub(r"\1", NO_ROTATION.sub("", svg))
    return _flat(UNSEEN.sub("", svg.replace("<g/>", "").replace("> <", "><")))


def cropped(svg: str, box: tuple[float, float, float, float]) -> str:
    """The part of a picture whose left, top, width and height are given in points."""
    left, top, width, height = (f"{length:.2f}" for length in box)
    size = f'width="{width}pt" height="{height}pt" viewBox="{left} {top} {width} {height}"'
    return SIZE.sub(size, svg, count=1)


def on_white(svg: str) -> str:
    """A picture before a white ground."""

    def ground(start: re.Match[str]) -> str:
        left, top, width, height = start[1].split()
        return f'{start[0]}<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="#ffffff"/>'

    return START.sub(ground, svg, count=1)


def _flat(svg: str) -> str:
    """Without groups that say nothing of their members."""
    ends: list[str] = []

    def kept(tag: re.Match[str]) -> str:
        if tag[0] == "</g>":
            return ends.pop()
        told = tag[0] != "<g>"
        ends.append("</g>" if told else "")
        return tag[0] if told else ""

    return GROUP.sub(kept, svg)


def _steps(path: str) -> str:
    """Straight lines (M, L and z, their places in points) as steps of hundredths from each place to the next."""
    written = []
    for line in path.split("M")[1:]:
        closed = line.rstrip().endswith("z")
        places = [round(100.0 * float(place)) for place in line.replace("L", "").replace("z", "").split()]
        steps = [new - old for new, old in zip(places[2:], places, strict=False)]
        written.append(f"M{_numbers(places[:2])}")
        if steps:
            written.append(f"l{_numbers(steps)}")
        if closed:
            written.append("z")
    return "".join(written)


def _numbers(hundredths: Sequence[int]) -> str:
    """Numbers in a row, with as little between them as SVG needs to tell them apart."""
    return "".join(map(_number, hundredths)).lstrip()


@functools.cache
def _number(hundredths: int) -> str:
    sign = "-" if hundredths < 0 else " "
    return sign + f"{abs(hundredths) / 100:.2f}".lstrip("0").rstrip("0").rstrip(".") if hundredths else " 0"


def _few_colours(png: str) -> str:
    """An image (base64) with a palette, which takes a third of the space; a pixel is seen or not."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    coloured = image.convert("RGB").quantize(CLEAR, method=Image.Quantize.MEDIANCUT)
    coloured.putpalette([*(coloured.getpalette() or [])[: 3 * CLEAR], 255, 255, 255])
    coloured.paste(CLEAR, mask=image.getchannel("A").point([255] * OPAQUE + [0] * (256 - OPAQUE)))
    written = io.BytesIO()
    coloured.save(written, "png", compress_level=9, transparency=CLEAR)
    return base64.b64encode(written.getvalue()).decode()
