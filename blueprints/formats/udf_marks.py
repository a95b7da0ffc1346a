"""Marks on bars and on the time scale, as UDF clients take them; pure.

No mark means anything by its colour or letter alone: its text says the whole.
"""

from collections.abc import Iterable
from typing import Any

from services.chart_marks import ChartMark
from utils.domain import SECOND_MS

PLAIN = ("#5d606b", "•")
# The colour and the letter of each kind of mark.
LOOKS = {
    "high": ("#1b7a43", "H"),
    "low": ("#b3261e", "L"),
    "new_high": ("#1b7a43", "N"),
    "new_low": ("#b3261e", "N"),
    "biggest_rise": ("#1b7a43", "R"),
    "biggest_fall": ("#b3261e", "F"),
    "segment_start": ("#4a3aa7", "T"),
    "volume_spike": ("#8a5300", "V"),
    "gap": ("#5d606b", "G"),
    "alert": ("#0b57d0", "A"),
}
FONT_COLOR = "#ffffff"
SIZE = 14


def encode_marks(marks: Iterable[ChartMark]) -> dict[str, list[Any]]:
    """Return marks as columns: ``{"id": […], "time": […], "color": […], "text": […], …}``."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("id", "time", "color", "text", "label", "labelFontColor", "minSize")
    }
    for mark in marks:
        color, label = LOOKS.get(mark.kind, PLAIN)
        row = (mark.key, mark.open_time_ms // SECOND_MS, color, mark.text, label, FONT_COLOR, SIZE)
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return columns


def encode_timescale_marks(marks: Iterable[ChartMark]) -> list[dict[str, Any]]:
    """Return marks of the time scale: ``[{"id": …, "color": …, "label": "H", "time": …, "tooltip": …}]``."""
    found = []
    for mark in marks:
        color, label = LOOKS.get(mark.kind, PLAIN)
        found.append(
            {
                "id": mark.key,
                "color": color,
                "label": label,
                "time": mark.open_time_ms // SECOND_MS,
                "tooltip": [mark.text],
            }
        )
    return found
