"""Arithmetic on spans of time; pure. Lists of spans are sorted, disjoint and never touch."""

from collections.abc import Iterable

from utils.domain import Span


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the same instants as sorted, disjoint spans; empty spans vanish, touching ones join."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start_ms):
        if span.end_ms <= span.start_ms:
            continue
        if merged and span.start_ms <= merged[-1].end_ms:
            merged[-1] = Span(merged[-1].start_ms, max(merged[-1].end_ms, span.end_ms))
        else:
            merged.append(span)
    return merged


def subtract_spans(whole: Span, known: Iterable[Span]) -> list[Span]:
    """Return the parts of ``whole`` that no known span covers, sorted and disjoint."""
    missing = []
    cursor_ms = whole.start_ms
    for span in merge_spans(known):
        if span.end_ms <= cursor_ms:
            continue
        if span.start_ms >= whole.end_ms:
            break
        if span.start_ms > cursor_ms:
            missing.append(Span(cursor_ms, span.start_ms))
        cursor_ms = max(cursor_ms, span.end_ms)
    if cursor_ms < whole.end_ms:
        missing.append(Span(cursor_ms, whole.end_ms))
    return missing


def clip_spans(spans: Iterable[Span], within: Span) -> list[Span]:
    """Return the parts of the spans that lie inside ``within``."""
    return merge_spans(
        Span(max(span.start_ms, within.start_ms), min(span.end_ms, within.end_ms)) for span in spans
    )
