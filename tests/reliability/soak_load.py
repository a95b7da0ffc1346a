"""What goes on while the service is soaked: questions of every kind, people with accounts, comers, goers."""

import asyncio
import contextlib
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.reliability.soak_faults import OF_THE_DATABASE

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD", "DOGE/USD", "PEPE/USDT")
PLACE = {"market": "simulated", "exchange": "simex"}
FORMATS = ("rows", "columns", "native", "csv", "lightweight")
PASSWORD = "a horse in a field of corn"
# Longer than the service may take for any answer.
PATIENCE_S = 15
HOUR_S = 3_600
# Midnight of 1 January 2023, and every twenty-fifth day from then on.
OLDEST_S, DAYS_APART, OLD_MOMENTS = 1_672_531_200, 25, 40
# A token is renewed long before it ends, so that only a long outage of the database can make it late.
RENEW_S = 240
CALM = "calm"


@dataclass
class Tally:
    """What was asked and how it was answered, by the fault that went on at the time."""

    fault: str = CALM
    kinds: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[tuple[str, str]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what was asked to warm up."""
        self.kinds.clear()
        self.by_fault.clear()
        self.surprises.clear()

    def note(self, began_under: str, kind: str, told: str = "") -> None:
        # An answer belongs to the fault under which it was given, else to the one under which it was asked.
        fault = began_under if self.fault == CALM else self.fault
        self.kinds[kind] += 1
        self.by_fault[fault, kind] += 1
        if told:
            self.surprises.append(f"{time.strftime('%H:%M:%S')} {fault}: {told}")


def kind_of(status: int, headers, text: str) -> str:
    """Return ``answered``, or the status and the code of the problem."""
    if status < 400:
        return "answered"
    code = re.search(r'"code": ?"([a-z_]+)"', text)
    patience = "" if status != 503 or "Retry-After" in headers else " without Retry-After"
    return f"{status} {code[1] if code else 'of no code'}{patience}"


def recent_question() -> tuple[str, dict[str, str]]:
    """Return a question that others ask as well: most answers to it are ready."""
    symbol, pick = random.choice(SYMBOLS), random.random()
    if pick < 0.5:
        shape = random.choice(FORMATS)
        return "/market/fetch_ohlcv", PLACE | {
            "symbol": symbol, "timeframe": "1h", "limit": "100", "format": shape
        }  # fmt: skip
    if pick < 0.6:
        return "/market/describe", PLACE | {"symbol": symbol, "timeframe": "1h", "limit": "100"}
    if pick < 0.7:
        return f"/api/candles/{symbol}", {"exchange": "simex", "interval": "1h"}
    if pick < 0.8:
        return "/market/search", {"query": symbol[:3].lower(), "market": "simulated"}
    if pick < 0.9:
        now_s = int(time.time()) // HOUR_S * HOUR_S
        return "/udf/history", {
            "symbol": f"simulated:simex:{symbol}",
            "resolution": "60",
            "from": str(now_s - 100 * HOUR_S),
            "to": str(now_s),
        }
    return random.choice((("/api/v1/cryptocurrencies/", {"limit": "20"}), ("/market/get_symbols", PLACE)))


def old_question() -> tuple[str, dict[str, str]]:
    """Return a question about a moment long ago, to which hardly ever an answer is ready.

    There are more of them than an answer is kept for, and few enough that what is stored stops growing before
    the workers are judged: a soak of moments that were never the same measured the store and not the worker.
    """
    since_s = OLDEST_S + random.randrange(OLD_MOMENTS) * DAYS_APART * 24 * HOUR_S
    timeframe = random.choice(("1m", "5m", "15m"))
    return "/market/fetch_ohlcv", PLACE | {
        "symbol": random.choice(SYMBOLS),
        "timeframe": timeframe,
        "since": str(since_s * 1_000),
        "limit": "200",
    }


class Person:
    """Somebody with an account, who looks at alerts, sets some and takes them away again."""

    def __init__(self, name: str, load: "Load") -> None:
        self._name = name
        self._load = load
        self._tokens: dict[str, str] = {}
        self._renewed_s = 0.0
        self._renewing = asyncio.Lock()

    async def move_in(self) -> None:
        body = {"username": self._name, "password": PASSWORD}
        async with self._load.http.post("/auth/register", json=body) as answer:
            assert answer.status == 201, await answer.text()
        async with self._load.http.post("/auth/login", json=body) as answer:
            assert answer.status == 200, await answer.text()
            self._tokens = await answer.json()
        self._renewed_s = time.monotonic()

    async def act(self) -> None:
        await self._renew()
        pick = random.random()
        if pick < 0.4:
            await self._ask("GET", "/api/v1/users/profile")
        elif pick < 0.7:
            await self._ask("GET", "/api/v1/alerts")
        else:
            alert = {"symbol": "BTC/USD", "kind": "cross_above", "level": "9999999999"}
            key = {"Idempotency-Key": str(uuid4())}
            made = await self._ask("POST", "/api/v1/alerts", json=alert | PLACE, headers=key)
            if made:
                await self._ask("DELETE", f"/api/v1/alerts/{made['id']}")

    async def _renew(self) -> None:
        async with self._renewing:
            if time.monotonic() - self._renewed_s < RENEW_S:
                return
            body = {"refresh_token": self._tokens["refresh_token"]}
            renewed = await self._load.ask("POST", "/auth/refresh", json=body)
            if renewed:
                self._tokens, self._renewed_s = renewed, time.monotonic()

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more):
        mine = {"Authorization": f"Bearer {self._tokens['access_token']}"} | (headers or {})
        return await self._load.ask(method, path, headers=mine, **more)


class Load:
    """Keep a pace of questions, and of connections that come and go."""

    def __init__(self, http: aiohttp.ClientSession, tally: Tally) -> None:
        self.http = http
        self.tally = tally
        self.people: list[Person] = []
        self._host, self._port = http._base_url.host, http._base_url.port
        self._running: set[asyncio.Task] = set()

    async def move_in(self, count: int) -> None:
        self.people = [Person(f"person{number}", self) for number in range(count)]
        for person in self.people:
            await person.move_in()

    async def ask(self, method: str, path: str, **more):
        """Return the JSON of a good answer, if it is JSON; count it in any case."""
        began_under, began_s = self.tally.fault, time.monotonic()
        try:
            timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
            async with self.http.request(method, path, timeout=timeout, **more) as answer:
                text = await answer.text()
                kind = kind_of(answer.status, answer.headers, text)
                elapsed_s = time.monotonic() - began_s
                told = f"{method} {answer.url.path_qs}: {kind} after {elapsed_s:.1f} s"
                planned = kind.startswith("503") and self.tally.fault in OF_THE_DATABASE
                self.tally.note(began_under, kind, "" if kind == "answered" or planned else told)
                is_json = answer.headers.get("Content-Type", "").startswith("application/json")
                return await answer.json() if kind == "answered" and is_json and text else None
        except TimeoutError:
            self.tally.note(began_under, "no answer", f"{method} {path}: none in {PATIENCE_S} s")
        except (aiohttp.ClientError, OSError) as error:
            elapsed_s = time.monotonic() - began_s
            self.tally.note(began_under, "broken off", f"{method} {path}: {error!r} after {elapsed_s:.1f} s")

    async def _question(self) -> None:
        pick = random.random()
        if pick < 0.1 and self.people:
            await random.choice(self.people).act()
            return
        path, query = old_question() if pick < 0.3 else recent_question()
        await self.ask("GET", path, params=query)

    async def _visit(self) -> None:
        """Come, and go in one of the ways there are."""
        pick = random.random()
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            if pick < 0.5:
                query = PLACE | {"symbols": "BTC/USD", "timeframe": "1s"}
                del query["exchange"]
                async with self.http.ws_connect("/ws/subscribe", params=query) as socket:
                    await socket.receive(timeout=PATIENCE_S)
                    if pick < 0.25 and socket._response.connection is not None:
                        socket._response.connection.transport.abort()
                self.tally.kinds["visits"] += 1
                return
            async with asyncio.timeout(PATIENCE_S):
                _, writer = await asyncio.open_connection(self._host, self._port)
                if pick < 0.75:
                    writer.write(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n")
                    await writer.drain()
                writer.transport.abort()
            self.tally.kinds["visits"] += 1

    async def keep_pace(self, per_s: float, *, visits: bool = False) -> None:
        """Begin so many a second, whether those before have ended or not."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + 1 / per_s, loop.time() - 1)
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            task = asyncio.create_task(self._visit() if visits else self._question())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=2 * PATIENCE_S)
