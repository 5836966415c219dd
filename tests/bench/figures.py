"""How the page and the terminal write figures."""

import math

from tests.bench.report import Cell


def format_cell(cell: Cell) -> str:
    """Text as it is, whole numbers in full, others with three significant digits."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or cell == 0 or abs(cell) >= 100:
        return f"{cell:,.0f}"
    digits = 2 - math.floor(math.log10(abs(cell)))
    return f"{cell:.{digits}f}"


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
