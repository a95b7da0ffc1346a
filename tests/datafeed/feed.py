"""What a test of a datafeed knows of its source, and how it asks."""

import asyncio
from dataclasses import dataclass
from typing import Any

from quart.typing import TestClientProtocol

READ_TIMEOUT_S = 60
# (open in milliseconds, open, high, low, close, volume), oldest first.
Bars = list[tuple[float, ...]]


@dataclass(frozen=True)
class Feed:
    """Ask a datafeed of which all bars are known; ``whole`` tells that nothing was before the first one."""

    client: TestClientProtocol
    ticker: str
    resolution: str
    bars: Bars
    now_ms: int
    whole: bool
    price_scale: tuple[int, int] = (1, 100)

    def _repr_pretty_(self, printer: Any, _: object) -> None:
        # So Hypothesis shows it, and warns of what is long.
        printer.text(self.ticker)

    @property
    def times(self) -> list[int]:
        """Return the opens of all bars, in seconds."""
        return [int(bar[0]) // 1000 for bar in self.bars]

    @property
    def step_s(self) -> int:
        return int(self.resolution) * 60

    @property
    def hole(self) -> tuple[int, int]:
        """Return the last bar before the widest hole and the first one after it, in seconds."""
        pairs = list(zip(self.times, self.times[1:], strict=False))
        return max(pairs, key=lambda pair: pair[1] - pair[0])

    async def get(self, path: str, **parameters: object) -> Any:
        """Return the JSON of an answer that is no failure."""
        answer = await self.client.get(path, query_string=parameters)
        assert answer.status_code == 200, await answer.get_data()
        return await answer.get_json()

    async def history(self, start_s: int, end_s: int, **more: object) -> Any:
        """Ask as UDF clients do, and hold the answer to what holds for every answer."""
        asked = {"symbol": self.ticker, "resolution": self.resolution, "from": start_s, "to": end_s, **more}
        answer = await self.get("/udf/history", **asked)
        if answer["s"] == "no_data":
            assert answer.keys() <= {"s", "nextTime"}
            return answer
        assert list(answer) == ["s", "t", "o", "h", "l", "c", "v"]
        assert len({len(answer[column]) for column in "tohlcv"}) == 1
        assert answer["t"] == sorted(set(answer["t"]))
        assert all(time < end_s and time % self.step_s == 0 for time in answer["t"])
        if not more.get("countback"):
            assert answer["t"][0] >= start_s
        for bar in zip(*(answer[column] for column in "ohlcv"), strict=True):
            assert bar[2] <= min(bar[0], bar[3]) <= max(bar[0], bar[3]) <= bar[1]
            assert bar[4] > 0
        return answer

    async def rows(self, start_s: int, end_s: int, **more: object) -> Bars:
        """Return the bars of a range as rows; none for no_data."""
        answer = await self.history(start_s, end_s, **more)
        if answer["s"] == "no_data":
            return []
        columns = [[time * 1000 for time in answer["t"]], *(answer[column] for column in "ohlcv")]
        return [tuple(row) for row in zip(*columns, strict=True)]

    async def read_ahead(self) -> None:
        """Ask until everything is stored: a small page at a time, a cold question may be answered in part."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while await self.rows(self.times[0], self.times[-1] + self.step_s) != self.bars:
                pass

    def between(self, start_s: int, end_s: int) -> Bars:
        """Return the bars there are."""
        return [bar for bar in self.bars if start_s * 1000 <= bar[0] < end_s * 1000]
