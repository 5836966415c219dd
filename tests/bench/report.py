"""What a benchmark reports: sections of text, tables, a chart and targets.

Each module of `tests.bench` that measures offers `measure() -> Section`. Numbers stay numbers:
rounding is the page's business, and the JSON file keeps what was measured.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """Rows of figures under named columns."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Chart:
    """Lines to plot: each series has a name and its points (x, y); the caption tells what x is."""

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


@dataclass(frozen=True)
class Conditions:
    """Where and when a section was measured, and with which versions of what it compares."""

    date: str
    commit: str
    machine: dict[str, str]
    load: float
    versions: dict[str, str]


@dataclass(frozen=True)
class Measured:
    """A section, and the conditions of its figures."""

    section: Section
    conditions: Conditions

    def to_json(self) -> dict[str, Any]:
        """As `docs/performance.json` keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Measured":
        """What `to_json` made."""
        return cls(section_from_json(kept["section"]), Conditions(**kept["conditions"]))


def section_from_json(kept: dict[str, Any]) -> Section:
    """A section of which `asdict` made JSON."""
    tables = [Table(**each) for each in kept["tables"]]
    targets = [Target(**each) for each in kept["targets"]]
    chart = kept["chart"]
    if chart:
        lines = {name: [(x, y) for x, y in line] for name, line in chart["series"].items()}
        chart = Chart(chart["caption"], chart["unit"], lines)
    return Section(kept["name"], kept["title"], kept["text"], tables, chart, targets)
