"""Charts as inline SVG: axes with ticks, and marks on them. Colours are the page's (CSS classes), so a chart
is light, dark or printed with it; every point tells what it is in its <title>."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

Place: TypeAlias = tuple[float, float]

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 46
_CHARACTER: Final = 6.1  # pixels, of labels at 11 px
_AWAY: Final = tuple(
    (dx, dy)
    for dy in (-8, 16, 32, -24, 48, -40, 64, -56, 80, -72)
    for dx in ((10, -10) if abs(dy) < 20 else (16, -16))
)
"""Where a label may stand from its point; a negative x ends it there."""


@dataclass(frozen=True, slots=True)
class Axis:
    """show: a tick's value as text."""

    label: str
    low: float
    high: float
    show: Callable[[float], str] = "{:g}".format

    def ticks(self, number: int) -> list[float]:
        """Round values inside, about that many."""
        values = MaxNLocator(number, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(v) for v in values if -1e-9 <= self.share(v) <= 1 + 1e-9]

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(slots=True)
class Chart:
    """Built mark by mark, then rendered once."""

    title: str
    x: Axis
    y: Axis
    width: int = 640
    height: int = 400
    _marks: list[Markup] = field(default_factory=list)
    _taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    def place(self, x: float, y: float) -> Place:
        """Pixels of a value."""
        across, down = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + self.x.share(x) * across, self.height - _BOTTOM - self.y.share(y) * down

    def holds(self, x: float, y: float) -> bool:
        return self.x.holds(x) and self.y.holds(y)

    def points(self, style: str, points: Sequence[Place], titles: Sequence[str], shape: str = "dot") -> None:
        """Those that lie within the axes; shape: dot, cross, ring, diamond or star."""
        for (x, y), title in zip(points, titles, strict=True):
            if self.holds(x, y):
                self._marks.append(_shape(shape, style, *self.place(x, y), title))

    def line(self, style: str, points: Sequence[Place], *, steps: bool = False) -> None:
        """steps: each value holds until the next."""
        if steps:
            corners = [p for a, b in pairwise(points) for p in (a, (b[0], a[1]))]
            points = [*corners, *points[-1:]]
        self._clipped(Markup('<path class="{}" d="{}"/>').format(style, self._path(points)))

    def area(self, style: str, lower: Sequence[Place], upper: Sequence[Place], title: str) -> None:
        """Between two lines over the same x."""
        path = self._path([*upper, *reversed(lower)])
        self._clipped(Markup('<path class="{}" d="{}Z"><title>{}</title></path>').format(style, path, title))

    def label(self, style: str, x: float, y: float, text: str) -> None:
        """Beside a point, where there is room; with a thin line where it stands away."""
        if not self.holds(x, y):
            return
        px, py = self.place(x, y)
        boxes = [(self._box(px + dx, py + dy, text, dx < 0), dx, dy) for dx, dy in _AWAY]
        free = [b for b in boxes if self._is_free(b[0])] or boxes[:1]
        box, dx, dy = free[0]
        self._taken.append(box)
        if abs(dy) > 16:
            self._marks.append(
                Markup('<path class="leader" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(
                    px, py, px + dx, py + dy - 4
                )
            )
        self._marks.append(
            Markup('<text class="label {}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
                style, px + dx, py + dy, "end" if dx < 0 else "start", text
            )
        )

    def occupy(self, x: float, y: float) -> None:
        """Keep labels off this point."""
        px, py = self.place(x, y)
        self._taken.append((px - 6, py - 6, px + 6, py + 6))

    def render(self) -> Markup:
        """The <svg> element."""
        return Markup(
            '<svg class="chart" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{t}">'
            "{frame}<g>{marks}</g></svg>"
        ).format(
            w=self.width, h=self.height, t=self.title, frame=self._frame(), marks=Markup().join(self._marks)
        )

    def _box(self, x: float, y: float, text: str, before: bool) -> tuple[float, float, float, float]:
        wide = _CHARACTER * len(text)
        return (x - wide, y - 11, x, y + 3) if before else (x, y - 11, x + wide, y + 3)

    def _is_free(self, box: tuple[float, float, float, float]) -> bool:
        left, top, right, bottom = box
        inside = left > _LEFT and right < self.width and top > 0 and bottom < self.height - _BOTTOM
        return inside and all(
            right < taken[0] or left > taken[2] or bottom < taken[1] or top > taken[3]
            for taken in self._taken
        )

    def _clipped(self, mark: Markup) -> None:
        """An inner <svg> shows nothing beyond the axes."""
        across, down = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        box = Markup('<svg x="{x}" y="{y}" width="{w}" height="{h}" viewBox="{x} {y} {w} {h}">{mark}</svg>')
        self._marks.append(box.format(x=_LEFT, y=_TOP, w=across, h=down, mark=mark))

    def _path(self, points: Sequence[Place]) -> str:
        ends = (self.place(x, y) for x, y in points)
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ends) if points else ""

    def _frame(self) -> Markup:
        right, bottom = self.width - _RIGHT, self.height - _BOTTOM
        parts = []
        for value in self.x.ticks(max(2, self.width // 90)):
            at, _ = self.place(value, self.y.low)
            parts.append(_grid(at, _TOP, at, bottom))
            parts.append(_tick(at, bottom + 16, "middle", self.x.show(value)))
        for value in self.y.ticks(max(2, self.height // 60)):
            _, at = self.place(self.x.low, value)
            parts.append(_grid(_LEFT, at, right, at))
            parts.append(_tick(_LEFT - 6, at + 4, "end", self.y.show(value)))
        middle = (_TOP + bottom) / 2
        parts.append(
            Markup('<text class="axis" x="{:.0f}" y="{}" text-anchor="middle">{}</text>').format(
                (_LEFT + right) / 2, self.height - 10, self.x.label
            )
        )
        parts.append(
            Markup(
                '<text class="axis" x="14" y="{0:.0f}" text-anchor="middle" '
                'transform="rotate(-90 14 {0:.0f})">{1}</text>'
            ).format(middle, self.y.label)
        )
        return Markup().join(parts)


def _grid(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<path class="grid" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(x1, y1, x2, y2)


def _tick(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )


_STAR: Final = "M0-9 2.6-2.8 9-2.8 3.9 1.3 5.6 7.6 0 3.9-5.6 7.6-3.9 1.3-9-2.8-2.6-2.8Z"
_SHAPES: Final = {
    "cross": "M-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5",
    "diamond": "M0-6.5 6.5 0 0 6.5-6.5 0Z",
    "star": _STAR,
}


def _shape(shape: str, style: str, x: float, y: float, title: str) -> Markup:
    said = Markup("<title>{}</title>").format(title) if title else Markup()
    if shape in _SHAPES:
        return Markup('<path class="{}" transform="translate({:.1f} {:.1f})" d="{}">{}</path>').format(
            style, x, y, _SHAPES[shape], said
        )
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}">{}</circle>').format(
        style, x, y, {"dot": "2.6", "big": "4.2", "ring": "7"}[shape], said
    )


def bar(share: float) -> Markup:
    """A small bar for a table's cell, 0 .. 1."""
    percent = escape(f"{100 * min(max(share, 0.0), 1.0):.1f}")
    return Markup('<span class="bar"><span style="width:{}%"></span></span>').format(percent)
