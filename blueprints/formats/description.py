"""A description in JSON: what a chart says in words, with the facts behind every number; pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from services.narration.describe import Description
from services.narration.facts import Fact
from services.narration.sonification import sonify

SCHEMA = "accessibility/1"
# What a fact has beside its id, operation, field and value, where it applies.
PLACES = (
    *("bar", "open_time_ms", "base_bar", "base_field", "first_bar", "last_bar"),
    *("start_ms", "end_ms", "reason"),
)


def encode_description(description: Description, *, with_series: bool = True) -> bytes:
    """Return the answer of ``/market/describe``; without series, sound has its domains only.

    ``{"schema": "accessibility/1", "market": "crypto", …, "summary": {"brief": "Bitcoin in US dollars, …"},
    "sentences": [{"text": "…", "level": 2, "facts": ["f3"]}], "facts": [{"id": "f3", "operation": "maximum",
    "field": "high", "value": "60180.00", "bar": 17, …}], …}``
    """
    return orjson.dumps(
        {
            **_head(description),
            "gaps_count": len(description.history.gaps),
            "gaps": _gaps(description),
            "summary": _summary(description),
            "sentences": [
                {"text": each.text, "level": each.level, "facts": each.facts}
                for each in description.sentences
            ],
            "facts": [_fact(fact) for fact in description.facts],
            "landmarks": description.landmarks,
            "segments": _segments(description),
            "patterns": description.patterns,
            "sonification": _sonification(description, with_series=with_series),
            **_bars(description),
        }
    )


def with_accessibility(answer: bytes, accessibility: bytes) -> bytes:
    """Return an answer, a JSON object, with a description as its member ``accessibility``."""
    return b'%b,"accessibility":%b}' % (answer[:-1], accessibility)


def _head(description: Description) -> dict[str, Any]:
    history, voice = description.history, description.voice
    instrument, timeframe = history.query.instrument, history.query.timeframe
    name, bars = voice.name(instrument), history.bars
    return {
        "schema": SCHEMA,
        "data_hash": description.data_hash,
        "market": instrument.market,
        "exchange": instrument.exchange,
        "symbol": {
            "id": instrument.symbol,
            "spoken": name.spoken,
            "short": name.short,
            "spelled": name.spelled,
        },
        "timeframe": {"id": timeframe.text, "spoken": voice.timeframe(timeframe)},
        "lang": voice.locale.code,
        "dir": voice.locale.direction,
        "time_zone": voice.time_zone.key,
        "verbosity": description.verbosity,
        "price_step": None if description.price_step is None else f"{description.price_step:f}",
        "bars_count": len(bars),
        "first_open_time_ms": bars[0].open_time_ms if bars else None,
        "last_open_time_ms": bars[-1].open_time_ms if bars else None,
        "last_bar_state": history.last_bar_state,
        "revision": history.revision,
        "as_of_ms": history.as_of_ms,
        "stale": history.stale,
    }


def _gaps(description: Description) -> list[dict[str, Any]]:
    return [
        {
            "start_ms": each.gap.span.start_ms,
            "end_ms": each.gap.span.end_ms,
            "reason": each.gap.reason,
            "bars_count": each.bars_count,
            "text": each.text,
            "facts": each.facts,
        }
        for each in description.gaps
    ]


def _summary(description: Description) -> dict[str, Any]:
    brief = description.brief
    levels = {
        f"level_{level}": [each.text for each in description.sentences if each.level == level]
        for level in (1, 2, 3)
    }
    return {"brief": brief.text, "speech_s": brief.speech_s, "facts": brief.facts, **levels}


def _fact(fact: Fact) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": fact.id,
        "operation": fact.operation,
        "field": fact.field,
        "value": f"{fact.value:f}",
    }
    if fact.spoken is not None:
        shape["spoken"] = f"{fact.spoken:f}"
    places = ((name, getattr(fact, name)) for name in PLACES)
    return shape | {name: value for name, value in places if value is not None}


def _segments(description: Description) -> list[dict[str, Any]]:
    return [
        {
            "first_bar": each.first_bar,
            "last_bar": each.last_bar,
            "direction": each.direction,
            "change_percent": f"{each.change_percent:f}",
            "text": each.text,
            "facts": each.facts,
        }
        for each in description.legs
    ]


def _sonification(description: Description, *, with_series: bool) -> dict[str, Any]:
    sound = sonify(description.chart, with_series=with_series)
    domains = {
        name: None if domain is None else [f"{bound:f}" for bound in domain]
        for name, domain in (("price_domain", sound.price_domain), ("volume_domain", sound.volume_domain))
    }
    names = ("open", "high", "low", "close", "volume") if with_series else ()
    return {"scale": "linear", **domains, **{name: getattr(sound, name) for name in names}}


def _bars(description: Description) -> dict[str, Iterable[dict[str, Any]]]:
    if not description.bars:
        return {}
    pairs = zip(description.history.bars, description.bars, strict=True)
    return {
        "bars": [
            {"bar": number, "open_time_ms": bar.open_time_ms, "state": bar.state, "say": said}
            for number, (bar, said) in enumerate(pairs)
        ]
    }
