"""What a benchmark reports: sections of text, tables, a chart and targets.

Each module of `tests.bench` offers `measure() -> Section`. Numbers stay numbers: rounding is the
page's business, and the JSON file keeps what was measured.
"""

from dataclasses import dataclass, field

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """Rows of figures under named columns."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Chart:
    """Lines to plot: each series has a name and its points (x, y)."""

    caption: str
    unit: str
    series: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Target:
    """A figure that the project promises to stay at or below."""

    what: str
    limit: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether the promise holds."""
        return self.measured <= self.limit


@dataclass(frozen=True)
class Section:
    """What one benchmark did (`text`, Markdown) and found."""

    name: str
    title: str
    text: str
    tables: list[Table]
    chart: Chart | None = None
    targets: list[Target] = field(default_factory=list)
