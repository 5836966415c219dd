"""The page of figures: made from the JSON file, the same each time."""

from html.parser import HTMLParser

import pytest

from tests.bench import page, run
from tests.bench.figures import format_cell, percentile
from tests.bench.report import Chart, Conditions, Measured, Section, Table, Target
from tests.bench.svg import draw

CONDITIONS = Conditions(
    date="2026-11-25 04:00 UTC",
    commit="abc1234",
    machine={"cpu": "A processor", "cores": "2 cores"},
    load=0.25,
    versions={"Python": "3.13.0"},
)
CHART = Chart("Growth, by size", "ms", {"a < b": [(10.0, 1.0), (200_000.0, 2.5)]})


def measured(name: str, title: str = "Warm", *targets: Target) -> Measured:
    table = Table("Times", ["endpoint", "ms", "calls"], [["`GET /`", 1.23456, 3]])
    return Measured(Section(name, title, "Text.", [table], CHART, list(targets)), CONDITIONS)


def test_the_documents_are_what_their_figures_give() -> None:
    for path, content in page.render(page.load()).items():
        assert (page.DOCS / path).read_text(encoding="utf-8") == content, "run `make bench`"


def test_figures_come_back_from_json_as_they_were() -> None:
    one = measured("warm", "Warm", Target("the zip's MB", 20, 14.6))
    assert Measured.from_json(one.to_json()) == one


def test_a_section_has_its_text_its_table_its_chart_and_its_conditions() -> None:
    files = page.render({"warm": measured("warm")})
    text = files["performance.md"]
    assert "## Warm\n\nText.\n" in text
    assert "| endpoint | ms | calls |\n| --- | ---: | ---: |\n| `GET /` | 1.23 | 3 |\n" in text
    assert "![Growth, by size](images/performance-warm.svg)" in text
    assert "at `abc1234` on A processor, 2 cores, load 0.2; Python 3.13.0" in text
    assert files["images/performance-warm.svg"] == draw(CHART)


@pytest.mark.parametrize(("figure", "verdict"), [(20, "yes"), (20.1, "**no**")])
def test_the_page_begins_with_what_was_promised_and_whether_it_holds(
    figure: float, verdict: str
) -> None:
    sections = {"cold_start": measured("cold_start", "Cold", Target("the zip's MB", 20, figure))}
    text = page.render(sections)["performance.md"]
    assert f"| the zip's MB | 20 | {format_cell(figure)} | {verdict} |" in text
    assert text.index("## Targets") < text.index("## Cold")


def test_measuring_one_section_anew_leaves_the_others_and_their_order() -> None:
    kept = {"warm": measured("warm"), "costs": measured("costs")}
    merged = run.merge(kept, {"growth": measured("growth"), "warm": measured("warm", "New")})
    assert list(merged) == ["warm", "growth", "costs"]
    assert merged["warm"].section.title == "New"
    assert merged["costs"] is kept["costs"]


def test_what_is_measured_is_named_or_all_that_takes_no_five_minutes() -> None:
    assert run.choose("") == [each for each in run.SECTIONS if each != "load"]
    assert run.choose("load") == ["load"]
    assert run.choose("growth, warm") == ["warm", "growth"]
    with pytest.raises(SystemExit, match="no section weather"):
        run.choose("warm,weather")


class Image(HTMLParser):
    """An SVG's texts, and where its dots are."""

    def __init__(self, svg: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.dots: list[tuple[float, float]] = []
        self.feed(svg)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "circle":
            found = {name: float(value or 0) for name, value in attrs if name in {"cx", "cy"}}
            self.dots.append((found["cx"], found["cy"]))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_a_chart_has_every_line_in_its_legend_and_a_dot_for_each_figure() -> None:
    image = Image(draw(CHART))
    assert {"Growth, by size (ms)", "a < b", "10", "1 k", "100 k", "1 M"} <= set(image.texts)
    [(x1, y1), (x2, y2)] = image.dots
    assert x1 < x2, "to the right"
    assert y1 > y2, "upwards"


@pytest.mark.parametrize(
    ("cell", "text"),
    [("a", "a"), (1234, "1,234"), (1234.56, "1,235"), (12.345, "12.3"), (0.01234, "0.0123")],
)
def test_figures_have_three_digits_that_count(cell: str | float, text: str) -> None:
    assert format_cell(cell) == text


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(each) for each in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (50, 95)
    assert percentile([7.0], 0.95) == 7
