"""Draw the tables of docs/performance.md and docs/scaling.md: ``python benchmarks/plots.py``.

Nothing is measured: each plot is made from the table beside it, always in the same bytes, and put between
the markers ``begin plot NAME`` and ``end plot NAME`` with a text that says what it shows.
``harness.write_section`` draws anew what it has written.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = "plots"
TEXT_COLUMNS = 110
# Sizes in the units of the drawing; a letter is about 7 wide.
ROW, TOP, LEFT_LETTER, BAR_WIDTH, VALUE_WIDTH = 26, 46, 7.2, 420, 130
INK, BAR, RANGE, PAPER = "#1a1a1a", "#1f4e79", "#b35900", "#ffffff"
LETTERS = 'role="img" font-family="sans-serif" font-size="13"'
LINEAR = "A thin line goes from the least to the most of the repeats."
LOGARITHMIC = "Bars begin at a tenth of the least; ten times as much is as wide everywhere."
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Plot:
    """Which table is drawn: its page, its section, its first column, and the column of its values."""

    name: str
    page: str
    section: str
    first_column: str
    column: str
    title: str
    more_is: str
    logarithmic: bool = False


PLOTS = (
    Plot("history", "performance.md", "history", "what answers", "median (range)",
         "1,000 bars by HTTP, requests a second", "better"),
    Plot("derived", "performance.md", "derived", "a year of minutes as 8,760 hours", "ms, median (range)",
         "A year of minutes as hours, milliseconds", "worse"),
    Plot("ingest", "performance.md", "ingest", "bars a second", "new",
         "New bars written, bars a second", "better"),
    Plot("fanout", "performance.md", "fanout", "server", "updates/s, median (range)",
         "One topic told to 1,000 subscribers, updates a second", "better"),
    Plot("describe", "performance.md", "describe", "bars", "ms, median (range)",
         "Describing so many bars, milliseconds", "worse"),
    Plot("coins", "performance.md", "coins", "10,000 coins with a year of days", "median, ms",
         "Asking for coins, milliseconds", "worse"),
    Plot("use", "performance.md", "use", "what was asked", "p95 ms",
         "Fifty people for a minute, 95 of 100 within, milliseconds", "worse"),
    Plot("scaling-limits", "scaling.md", "scaling", "what there is one of",
         "too little from about, listeners",
         "How many listeners one deployment carries, listeners", "better", logarithmic=True),
    Plot("scaling-checks", "scaling.md", "scaling checks", "listeners", "core, measured",
         "One worker and its listeners, share of its core that was used", "worse"),
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One row: what it is called, how much it is, and from where to where it was in repeats."""

    name: str
    value: float
    low: float
    high: float
    text: str


def between(document: str, name: str) -> str:
    """Return what stands between the markers of a section; nothing where there is none."""
    found = re.search(
        rf"<!-- begin {re.escape(name)} -->(.*?)<!-- end {re.escape(name)} -->", document, re.DOTALL
    )
    return found[1] if found else ""


def rows_of(text: str, first_column: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the first table with this first column; both empty where there is none."""
    tables = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)
    for each in tables:
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in each.strip().splitlines()]
        if lines[0][0] == first_column:
            return lines[0], lines[2:]
    return [], []


def bars_of(plot: Plot, document: str) -> list[Bar]:
    """Return the bars of a plot, in the order of the table; rows without a number are left out."""
    header, rows = rows_of(between(document, plot.section), plot.first_column)
    if plot.column not in header:
        return []
    place = header.index(plot.column)
    return [bar for bar in (_bar(row[0].replace("`", ""), row[place]) for row in rows) if bar is not None]


def _bar(name: str, cell: str) -> Bar | None:
    numbers = [float(found.replace(",", "")) for found in NUMBER.findall(cell)]
    if not numbers:
        return None
    low, high = (numbers[1], numbers[2]) if len(numbers) == 3 else (numbers[0], numbers[0])
    return Bar(name, numbers[0], low, high, cell.partition(" (")[0])


def described(plot: Plot, bars: Sequence[Bar]) -> str:
    """Return what the plot shows, for those who do not see it; the table has all of it."""
    ordered = sorted(bars, key=lambda bar: bar.value)
    least, most = ordered[0], ordered[-1]
    said = f"{plot.title}; more is {plot.more_is}. Most: {most.name}, {most.text}."
    said += f" Least: {least.name}, {least.text}."
    return f"{said} The same numbers are in the table of this section."


def drawn(plot: Plot, bars: Sequence[Bar]) -> str:
    """Return the plot as SVG: a bar a row, its value written beside it, its range as a thin line."""
    left = 16 + LEFT_LETTER * max(len(bar.name) for bar in bars)
    width, height = left + BAR_WIDTH + VALUE_WIDTH, TOP + ROW * len(bars) + 34
    most = max(bar.high for bar in bars)
    floor = min(bar.low for bar in bars) / 10 if plot.logarithmic else 0.0

    def wide(value: float) -> float:
        if not plot.logarithmic:
            return BAR_WIDTH * value / most
        return BAR_WIDTH * (log10(max(value, floor)) - log10(floor)) / (log10(most) - log10(floor))

    size = f'width="{width:.0f}" height="{height}"'
    note = f"More is {plot.more_is}. {LOGARITHMIC if plot.logarithmic else LINEAR}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" {size} {LETTERS}>',
        f"<title>{escape(plot.title)}</title>",
        f"<desc>{escape(described(plot, bars))}</desc>",
        f'<rect {size} fill="{PAPER}"/>',
        _text(8, 24, plot.title, 'font-size="15" font-weight="bold"'),
    ]
    for number, bar in enumerate(bars):
        lines += _row(bar, left, TOP + ROW * number, (wide(bar.value), wide(bar.low), wide(bar.high)))
    return "\n".join([*lines, _text(8, height - 12, note, 'font-size="12"'), "</svg>", ""])


def _row(bar: Bar, left: float, top: float, widths: tuple[float, float, float]) -> list[str]:
    middle, (width, low, high) = top + ROW / 2, widths
    size = f'width="{max(width, 1):.1f}" height="{ROW - 8}"'
    lines = [
        _text(left - 8, middle + 4, bar.name, 'text-anchor="end"'),
        f'<rect x="{left:.1f}" y="{top + 4:.1f}" {size} fill="{BAR}"/>',
    ]
    if high > low:
        ends = f'x1="{left + low:.1f}" y1="{middle:.1f}" x2="{left + high:.1f}" y2="{middle:.1f}"'
        lines.append(f'<line {ends} stroke="{RANGE}" stroke-width="3"/>')
    return [*lines, _text(left + max(width, high) + 8, middle + 4, bar.text, "")]


def _text(x: float, y: float, words: str, look: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {look} fill="{INK}">{escape(words)}</text>'


def redraw(page: Path) -> list[str]:
    """Draw every plot of a page whose table is there, and return their names."""
    document = page.read_text()
    made = []
    for plot in (each for each in PLOTS if each.page == page.name):
        bars = bars_of(plot, document)
        place = f"<!-- begin plot {plot.name} -->"
        if not bars or place not in document:
            continue
        (page.parent / FOLDER).mkdir(exist_ok=True)
        (page.parent / FOLDER / f"{plot.name}.svg").write_text(drawn(plot, bars))
        shown = "\n".join(textwrap.wrap(f"![{described(plot, bars)}]", TEXT_COLUMNS))
        before, _, rest = document.partition(place)
        _, ends, after = rest.partition(f"<!-- end plot {plot.name} -->")
        document = f"{before}{place}\n\n{shown}({FOLDER}/{plot.name}.svg)\n\n{ends}{after}"
        made.append(plot.name)
    page.write_text(document)
    return made


def main() -> None:
    for page in dict.fromkeys(plot.page for plot in PLOTS):
        print(f"docs/{page}: {', '.join(redraw(DOCS / page))}")


if __name__ == "__main__":
    main()
