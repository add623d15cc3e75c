"""The map: the sites at their declared coordinates on a window of the world that holds them all. One unit is one degree."""

import math
from collections.abc import Sequence
from typing import Protocol

from domain.model import Model
from domain.site import SiteDeclaration

SHAPE = 2.4
"""Width to height."""
LEAST_WIDTH = 36.0
"""A single site is shown with its continent's coast around it, or nobody knows where it is."""
MARGIN = 0.25
NEAR = 0.03
"""Sites closer than this share of the window's width share a mark's label."""


class Marked(Protocol):
    @property
    def site(self) -> SiteDeclaration: ...

    @property
    def mark(self) -> str: ...

    @property
    def words(self) -> str: ...


class Pin(Model):
    x: float
    y: float
    site: str
    mark: str
    words: str
    label_x: float
    label_y: float
    anchor: str


class Drawn(Model):
    left: float
    top: float
    width: float
    height: float
    size: float
    """The radius of a mark; text is drawn in multiples of it."""
    pins: tuple[Pin, ...]
    meridians: tuple[float, ...]
    parallels: tuple[float, ...]


def draw_map(sites: Sequence[Marked]) -> Drawn | None:
    """None where no site is declared."""
    if not sites:
        return None
    xs = [line.site.location.longitude for line in sites]
    ys = [-line.site.location.latitude for line in sites]
    width = max(LEAST_WIDTH, (max(xs) - min(xs)) * (1 + 2 * MARGIN), (max(ys) - min(ys)) * (1 + 2 * MARGIN) * SHAPE)
    width = min(width, 360.0)
    height = width / SHAPE
    left = min(max((max(xs) + min(xs)) / 2 - width / 2, -180.0), 180.0 - width)
    top = min(max((max(ys) + min(ys)) / 2 - height / 2, -90.0), 90.0 - height)
    size = width / 110
    pins: list[Pin] = []
    for line, x, y in sorted(zip(sites, xs, ys, strict=True), key=lambda each: each[2]):
        rightward = x < left + width * 0.8
        # Labels of neighbours are stacked, so that a town with four sites can be read.
        label_y = y
        for other in pins:
            if abs(other.x - x) < width * NEAR * 6 and abs(other.label_y - label_y) < size * 2.6:
                label_y = other.label_y + size * 2.6
        pins.append(
            Pin(
                x=round(x, 3),
                y=round(y, 3),
                site=line.site.name,
                mark=line.mark,
                words=line.words,
                label_x=round(x + size * (1.8 if rightward else -1.8), 3),
                label_y=round(label_y, 3),
                anchor="start" if rightward else "end",
            )
        )
    step = next((s for s in (5, 10, 20, 30) if width / s <= 9), 45)
    return Drawn(
        left=round(left, 3),
        top=round(top, 3),
        width=round(width, 3),
        height=round(height, 3),
        size=round(size, 3),
        pins=tuple(pins),
        meridians=tuple(float(n * step) for n in range(math.ceil(left / step), math.floor((left + width) / step) + 1)),
        parallels=tuple(float(n * step) for n in range(math.ceil(top / step), math.floor((top + height) / step) + 1)),
    )
