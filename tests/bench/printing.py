"""A section on the terminal."""

from tests.bench.figures import format_cell
from tests.bench.report import Section, Table


def print_section(section: Section) -> None:
    """Its tables."""
    print(section.title)
    for table in section.tables:
        print(f"\n{table.caption}")
        for row in _pad(table):
            print("  ".join(row))


def _pad(table: Table) -> list[list[str]]:
    rows = [table.columns, *([format_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
