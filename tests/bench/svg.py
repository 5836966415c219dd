"""A chart as SVG: the same figures give the same bytes, so that a test can compare them."""

import math
from collections.abc import Callable
from html import escape

from tests.bench.report import Chart

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#8c564b")
_DASHES = ("none", "6 3", "2 2")
_LEFT, _TOP, _WIDTH, _HEIGHT, _LEGEND_LINE = 70, 40, 620, 300, 18
_LOGARITHMIC_FROM = 20  # From which ratio of the largest to the smallest value on.

Scale = Callable[[float], float]


def draw(chart: Chart) -> str:
    """The chart, with its legend below."""
    points = [point for line in chart.series.values() for point in line]
    x_of, x_ticks = _axis([x for x, _ in points], _LEFT, _LEFT + _WIDTH)
    y_of, y_ticks = _axis([y for _, y in points], _TOP + _HEIGHT, _TOP, from_zero=True)
    bottom = _TOP + _HEIGHT
    height = bottom + 40 + _LEGEND_LINE * len(chart.series)
    box = f'viewBox="0 0 {_LEFT + _WIDTH + 30} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(_LEFT, 20, f"{chart.caption} ({chart.unit})", "start", 'font-weight="bold"'),
    ]
    for tick in x_ticks:
        parts.append(_line(x_of(tick), _TOP, x_of(tick), bottom))
        parts.append(_text(x_of(tick), bottom + 16, _short(tick), "middle"))
    for tick in y_ticks:
        parts.append(_line(_LEFT, y_of(tick), _LEFT + _WIDTH, y_of(tick)))
        parts.append(_text(_LEFT - 6, y_of(tick) + 4, _short(tick), "end"))
    for number, (name, line) in enumerate(chart.series.items()):
        parts += _series(number, name, [(x_of(x), y_of(y)) for x, y in line], bottom)
    return "\n".join([*parts, "</svg>", ""])


def _series(number: int, name: str, line: list[tuple[float, float]], bottom: float) -> list[str]:
    color = _COLORS[number % len(_COLORS)]
    dashes = _DASHES[number // len(_COLORS) % len(_DASHES)]
    style = f'fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in line]
    y = bottom + 40 + _LEGEND_LINE * number
    return [
        f'<polyline points="{path}" {style}/>',
        *dots,
        f'<line x1="{_LEFT}" y1="{y}" x2="{_LEFT + 24}" y2="{y}" {style}/>',
        _text(_LEFT + 32, y + 4, name, "start"),
    ]


def _axis(
    values: list[float], start: float, end: float, *, from_zero: bool = False
) -> tuple[Scale, list[float]]:
    """Where on the axis a value is, and the values to mark; logarithmic where they differ much."""
    least, most = min(values), max(values)
    if least > 0 and most / least >= _LOGARITHMIC_FROM:
        first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
        ticks = [10.0**exponent for exponent in range(first, last + 1)]
        return (
            lambda value: start + (end - start) * (math.log10(value) - first) / (last - first),
            ticks,
        )
    step = _round_step(most - (0 if from_zero else least) or 1)
    first = 0 if from_zero else math.floor(least / step)
    last = max(math.ceil(most / step), first + 1)
    ticks = [step * each for each in range(first, last + 1)]
    return lambda value: start + (end - start) * (value / step - first) / (last - first), ticks


def _round_step(span: float) -> float:
    """A round distance of marks, for about five of them."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= span / 5)


def _short(value: float) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'
