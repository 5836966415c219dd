"""Measures, one section after the other, and writes docs/performance.md: `make bench`.

Which sections, is on the command line: their names with commas between, or nothing for all
but those that take long. A section that fails keeps the figures that it had, and the others are
measured all the same.
"""

import importlib
import sys
import time
import traceback

from rich.console import Console
from rich.table import Table as RichTable

from tests.bench import page
from tests.bench.conditions import read_conditions
from tests.bench.figures import format_cell
from tests.bench.report import Measured, Section, Table

# In the page's order. What a module compares us with, it may name as COMPARED: pairs of an
# environment below .local/venvs and a package in it.
SECTIONS = (
    "cold_start",
    "warm",
    "growth",
    "encryption",
    "costs",
    "gateway",
    "listing",
    "chats",
    "load",
)
_ONLY_WHEN_NAMED = {"load"}  # It takes five minutes.
_LOAD_TO_WARN_OF = 0.5


def choose(arguments: str) -> list[str]:
    """The sections that are named, in the page's order.

    Raises:
        SystemExit: there is none of that name.
    """
    named = [each.strip() for each in arguments.split(",") if each.strip()]
    unknown = set(named) - set(SECTIONS)
    if unknown:
        sys.exit(f"There is no section {', '.join(sorted(unknown))}. Known: {', '.join(SECTIONS)}.")
    usual = set(SECTIONS) - _ONLY_WHEN_NAMED
    return [each for each in SECTIONS if each in (named or usual)]


def merge(kept: dict[str, Measured], new: dict[str, Measured]) -> dict[str, Measured]:
    """All sections in the page's order, the new ones in place of the old."""
    both = {**kept, **new}
    return {name: both[name] for name in SECTIONS if name in both}


def show(section: Section, console: Console) -> None:
    """Print a section's tables and targets."""
    console.rule(section.title)
    for table in section.tables:
        console.print(_rich(table))
    for target in section.targets:
        verdict = "met" if target.met else "MISSED"
        measured, limit = format_cell(target.measured), format_cell(target.limit)
        console.print(f"{verdict}: {target.what}: {measured}, at most {limit}")


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.caption)
    for at, column in enumerate(table.columns):
        is_text = any(isinstance(row[at], str) for row in table.rows)
        shown.add_column(column, justify="left" if is_text else "right")
    for row in table.rows:
        shown.add_row(*(format_cell(cell) for cell in row))
    return shown


def measure(name: str) -> Measured:
    """Measure one section."""
    module = importlib.import_module(f"tests.bench.{name}")
    conditions = read_conditions(getattr(module, "COMPARED", ()))
    return Measured(module.measure(), conditions)


def main() -> None:
    """Measure what is named, and write the page; fails if a section failed."""
    names = choose(",".join(sys.argv[1:]))
    console, failed = Console(), []
    load = read_conditions().load
    if load > _LOAD_TO_WARN_OF:
        console.print(f"This machine is busy (load {load:.1f}): do not trust the times.")
    for name in names:
        console.print(f"Measuring {name} …")
        started = time.monotonic()
        try:
            measured = measure(name)
        except Exception:  # noqa: BLE001 One section's failure is no reason to lose the others.
            traceback.print_exc()
            failed.append(name)
            continue
        show(measured.section, console)
        console.print(f"{name} took {time.monotonic() - started:.0f} s.")
        page.save(merge(page.load(), {name: measured}))
    if failed:
        sys.exit(f"These sections failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
