"""Small charts as SVG. Every colour is ``currentColor``: a series takes its own from the class ``series-1`` to
``series-4`` (which sets ``color``), and is told apart without colour too, by a hatch, a dash or its written name.

Nothing here is for who cannot see: each chart is an image with a title, and a table with the same figures is its equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

SERIES = 4
"""Series that can be told apart; a chart takes no more."""

_WIDTH = 272
_HEIGHT = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 24
_DAY = 7
_DASHES = ("none", "6 3", "2 3", "8 3 2 3")
# A disc, a square, a triangle, a diamond: drawn from the point itself.
_MARKS = ("m-3 0 a3 3 0 1 0 6 0 a3 3 0 1 0 -6 0", "m-3 -3 h6 v6 h-6 z", "m0 -4 l4 7 h-8 z", "m0 -4 l4 4 l-4 4 l-4 -4 z")
# The lines of each hatch, in a square of 6; the first series is plain.
_HATCHES = ("", "M0 6 L6 0", "M0 0 L6 6", "M0 3 H6")


@dataclass(frozen=True)
class Series:
    """One row of values, each for one label; nothing where there is no value."""

    name: str
    values: tuple[float | None, ...]


def bars(name: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """Horizontal bars, one a label, with its name and number above; several series are laid end to end.

    Args:
        name: letters and ``-`` only, of its own on the page.
        title: what it shows, as a screen reader says it.
    """
    totals = [sum(one.values[index] or 0 for one in series) for index in range(len(labels))]
    most = max([*totals, 1])
    parts = []
    for index, label in enumerate(labels):
        y = index * 34
        parts.append(_text(0, y + 13, f"{_short(label, 36)}: {totals[index]:g}"))
        x = 0.0
        for number, one in enumerate(series):
            width = (one.values[index] or 0) / most * _WIDTH
            parts.append(_block(name, number, x, y + 18, width, 10))
            x += width
    return _picture(name, title, _WIDTH, max(len(labels) * 34, 20), parts, len(series))


def columns(name: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A column a label (a day), the series of each standing on one another."""
    totals = [sum(one.values[index] or 0 for one in series) for index in range(len(labels))]
    width, step, top = _frame(len(labels), totals)
    parts = _axes(width, top, labels, step)
    for index in range(len(labels)):
        y = float(_HEIGHT - _BOTTOM)
        for number, one in enumerate(series):
            height = (one.values[index] or 0) / top * (_HEIGHT - _TOP - _BOTTOM)
            y -= height
            parts.append(_block(name, number, _LEFT + index * step + step * 0.1, y, step * 0.8, height))
    return _picture(name, title, width, _HEIGHT, parts, len(series))


def lines(name: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A line a series, broken where there is no value."""
    width, step, top = _frame(len(labels), [value for one in series for value in one.values if value is not None])
    parts = _axes(width, top, labels, step)
    for number, one in enumerate(series):
        points: list[tuple[float, float] | None] = [
            None
            if value is None
            else (_LEFT + (index + 0.5) * step, _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM))
            for index, value in enumerate(one.values)
        ]
        drawn = [_line(run, _DASHES[number]) for run in _runs(points) if len(run) > 1]
        drawn += [
            Markup('<path d="M{} {}{}" fill="currentColor"/>').format(_n(point[0]), _n(point[1]), _MARKS[number])
            for point in points
            if point is not None
        ]
        parts.append(Markup('<g class="series-{}">{}</g>').format(number + 1, Markup("").join(drawn)))
    return _picture(name, title, width, _HEIGHT, parts, 0)


def key(name: str, number: int, *, line: bool = False) -> Markup:
    """The sign of a series (the first is 0) for the list of names below a chart; it says nothing by itself."""
    name = f"{name}-key-{number}"
    if line:
        mark = Markup('<path d="M12 7{}" fill="currentColor"/>').format(_MARKS[number])
        sign = Markup('<g class="series-{}">{}{}</g>').format(
            number + 1, _line([(0, 7), (24, 7)], _DASHES[number]), mark
        )
    else:
        sign = _block(name, number, 0, 1, 24, 12)
    return Markup('<svg class="key" width="24" height="14" viewBox="0 0 24 14" aria-hidden="true">{}{}</svg>').format(
        _hatches(name, 0 if line else number + 1), sign
    )


def _frame(count: int, values: Sequence[float]) -> tuple[int, float, float]:
    """Width of the picture, width of a label's column, and the value at the top."""
    width = max(_WIDTH, _LEFT + _RIGHT + count * _DAY)
    return width, (width - _LEFT - _RIGHT) / max(count, 1), _round_up(max([*values, 1]))


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 10, 20, ... so that a half of the axis is a number to read."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 5, 10) if value <= power * step * (1 + 1e-9))


def _axes(width: int, top: float, labels: Sequence[str], step: float) -> list[Markup]:
    parts = []
    for share in (0, 0.5, 1):
        y = _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
        parts.append(
            Markup(
                '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor" stroke-opacity="{}" stroke-width="1"/>'
            ).format(_LEFT, width - _RIGHT, _n(y), _n(y), 0.25 if share else 0.8)
        )
        parts.append(_text(_LEFT - 6, y + 4, f"{top * share:g}", anchor="end"))
    every = max(1, math.ceil(64 / step))  # a label needs some 60 pixels
    for index in range(0, len(labels), every):
        x = _LEFT + index * step
        if x + 44 <= width:  # else it would be cut off
            parts.append(_text(x, _HEIGHT - 6, labels[index]))
    return parts


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return runs


def _line(points: Sequence[tuple[float, float]], dash: str) -> Markup:
    return Markup(
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="{}"/>'
    ).format(" ".join(f"{_n(x)},{_n(y)}" for x, y in points), dash)


def _block(name: str, number: int, x: float, y: float, width: float, height: float) -> Markup:
    if width <= 0 or height <= 0:
        return Markup("")
    fill = f"url(#{name}-hatch-{number + 1})" if number else "currentColor"
    return Markup(
        '<g class="series-{}"><rect x="{}" y="{}" width="{}" height="{}" fill="{}" '
        'stroke="currentColor" stroke-width="1"/></g>'
    ).format(number + 1, _n(x), _n(y), _n(width), _n(height), fill)


def _hatches(name: str, count: int) -> Markup:
    patterns = [
        Markup(
            '<pattern id="{}-hatch-{}" class="series-{}" width="6" height="6" patternUnits="userSpaceOnUse">'
            '<rect width="6" height="6" fill="currentColor" fill-opacity="0.35"/>'
            '<path d="{}" stroke="currentColor" stroke-width="1.5"/></pattern>'
        ).format(name, number + 1, number + 1, _HATCHES[number])
        for number in range(1, count)
    ]
    return Markup("<defs>{}</defs>").format(Markup("").join(patterns)) if patterns else Markup("")


def _picture(name: str, title: str, width: int, height: int, parts: Sequence[Markup], hatches: int) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{name}-title" width="{width}" height="{height}" '
        'viewBox="0 0 {width} {height}"><title id="{name}-title">{title}</title>{hatches}{parts}</svg>'
    ).format(
        name=name,
        title=title,
        width=width,
        height=height,
        hatches=_hatches(name, hatches),
        parts=Markup("").join(parts),
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" font-size="12" fill="currentColor" text-anchor="{}">{}</text>').format(
        _n(x), _n(y), anchor, text
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
