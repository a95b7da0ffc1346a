"""A real description of three bars of the simulated market, with one of each kind of thing left in it."""

from typing import Any

DESCRIPTION: dict[str, Any] = {
    "schema": "accessibility/1",
    "data_hash": "6eca3e902d735d97f237a8bd",
    "market": "simulated",
    "exchange": "simex",
    "symbol": {
        "id": "BTC/USD",
        "spoken": "Bitcoin in US dollars",
        "short": "Bitcoin",
        "spelled": "B T C, U S D",
    },
    "timeframe": {"id": "1h", "spoken": "1 hour"},
    "lang": "en",
    "dir": "ltr",
    "time_zone": "UTC",
    "verbosity": "normal",
    "price_step": "0.01",
    "bars_count": 3,
    "first_open_time_ms": 1735689600000,
    "last_open_time_ms": 1735696800000,
    "last_bar_state": "closed",
    "revision": 0,
    "as_of_ms": 1795279792302,
    "stale": False,
    "gaps_count": 0,
    "gaps": [],
    "summary": {
        "brief": "Bitcoin in US dollars, bars of 1 hour: 55,684.16, down 0.3 percent.",
        "speech_s": 7.4,
        "facts": ["f1", "f2"],
        "level_1": [
            "Bitcoin in US dollars on Simex: 3 bars of 1 hour, from 1 January, 00:00 to 1 January, 02:00."
        ],
        "level_2": ["The last price is 55,684.16, down 0.3 percent from the first open at 55,838.42."],
        "level_3": ["The closes make 1 leg; a new one begins where they turn by at least 4.2 percent."],
    },
    "sentences": [
        {
            "text": "The last price is 55,684.16, down 0.3 percent from the first open at 55,838.42.",
            "level": 2,
            "facts": ["f1", "f2", "f4"],
        }
    ],
    "facts": [
        {
            "id": "f1",
            "operation": "value",
            "field": "close",
            "value": "55684.16",
            "bar": 2,
            "open_time_ms": 1735696800000,
        },
        {
            "id": "f2",
            "operation": "change_percent",
            "field": "close",
            "value": "-0.3",
            "bar": 2,
            "open_time_ms": 1735696800000,
            "base_bar": 0,
            "base_field": "open",
        },
        {
            "id": "f4",
            "operation": "value",
            "field": "open",
            "value": "55838.42",
            "bar": 0,
            "open_time_ms": 1735689600000,
        },
        {
            "id": "f6",
            "operation": "maximum",
            "field": "high",
            "value": "56157.20",
            "bar": 0,
            "open_time_ms": 1735689600000,
            "first_bar": 0,
            "last_bar": 2,
        },
        {
            "id": "f16",
            "operation": "value",
            "field": "close",
            "value": "55903.14",
            "bar": 0,
            "open_time_ms": 1735689600000,
        },
        {
            "id": "f17",
            "operation": "change_percent",
            "field": "close",
            "value": "-0.4",
            "bar": 2,
            "open_time_ms": 1735696800000,
            "base_bar": 0,
            "base_field": "close",
        },
        {
            "id": "f20",
            "operation": "value",
            "field": "close",
            "value": "55490.43",
            "bar": 1,
            "open_time_ms": 1735693200000,
        },
    ],
    "landmarks": [
        {
            "kind": "high",
            "bar": 0,
            "open_time_ms": 1735689600000,
            "rank": 1,
            "text": "Highest price: 56,157.20, 1 January, 00:00.",
            "facts": ["f6"],
        }
    ],
    "segments": [
        {
            "first_bar": 0,
            "last_bar": 2,
            "direction": "down",
            "change_percent": "-0.4",
            "text": "Leg from 1 January, 00:00 to 1 January, 02:00: down 0.4 percent, from "
            "55,903.14 to 55,684.16.",
            "facts": ["f16", "f1", "f17"],
        }
    ],
    "patterns": [
        {
            "kind": "engulfing_fall",
            "bars": [0, 1],
            "open_time_ms": 1735693200000,
            "name": "fall that engulfs",
            "rule": "a rising bar, then a falling one whose larger body covers the other",
            "text": "Pattern, 1 January, 01:00: fall that engulfs, a rising bar, then a falling "
            "one whose larger body covers the other.",
            "facts": ["f20"],
        }
    ],
    "sonification": {
        "scale": "linear",
        "price_domain": ["55133.77", "56157.20"],
        "volume_domain": ["0", "466.17578125"],
        "open": [0.689, 0.758, 0.347],
        "high": [1.0, 0.797, 0.562],
        "low": [0.441, 0.196, 0.0],
        "close": [0.752, 0.348, 0.538],
        "volume": [0.893, 1.0, 0.561],
    },
}
