"""People who use the service: they open the page, read histories, listen, sign in and stay signed in.

``benchmarks/use.py`` starts a service of its own and runs this against it. By hand, in an environment with
locust: ``locust -f benchmarks/load/locustfile.py --host http://127.0.0.1:5000``. Only loopback is accepted.

Every person has an address, told as a proxy tells it (``TRUSTED_PROXY_HOPS=1``): one rate limit is not shared
by all.
"""

import itertools
import json
import os
import random
import secrets
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import websocket
from locust import HttpUser, between, events, task
from locust.clients import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser

WEB = Path(__file__).resolve().parents[2] / "web"
# The modules of the front page; those of other pages are loaded by nobody here.
MODULES = sorted(
    path.name for path in WEB.glob("*.js") if not path.name.startswith(("admin", "feeds", "job"))
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MARKET = {"market": "simulated", "exchange": "simex"}
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD", "DOGE/USD", "PEPE/USDT")
TIMEFRAMES = ("1m", "5m", "1h", "4h", "1d")
FORMATS = ("highcharts", "native", "candles", "lightweight", "rows", "columns", "csv")
WORDED = ("en", "de", "fr", "pl", "ja", "ar")
LISTEN_S = (5.0, 15.0)
SOCKET_TIMEOUT_S = 10.0
PASSWORD = "a sentence that only I know"
BUSY, TRIES = 503, 5

numbers = itertools.count(1)
heard = {"messages": 0, "bytes": 0, "bars": 0, "seconds": 0.0, "sockets": 0}


@events.test_start.add_listener
def refuse_other_machines(environment: Environment, **_: object) -> None:
    if urlsplit(environment.host or "").hostname not in LOOPBACK:
        raise SystemExit("This load is for a service on this machine: give --host http://127.0.0.1:PORT.")


@events.quitting.add_listener
def tell_what_was_heard(**_: object) -> None:
    place = os.environ.get("LOAD_HEARD")
    if place:
        Path(place).write_text(json.dumps(heard))


class Person(HttpUser):
    """Somebody with a browser and, one in three, an account."""

    wait_time = between(1, 4)

    def on_start(self) -> None:
        number = next(numbers)
        self.client.headers["X-Forwarded-For"] = f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}"
        self.chance = random.Random(number)
        self.symbol = self.chance.choice(SYMBOLS)
        self.timeframe = self.chance.choice(TIMEFRAMES)
        self.refresh_token = ""
        self.open_page(first=True)
        if number % 3 == 0:
            self.sign_in(number)

    def open_page(self, *, first: bool = False) -> None:
        """Do what the page does when it is opened: itself, its modules, its lists, and the chart in words."""
        self.client.get("/", headers={"Accept": "text/html"}, name="GET / (page)")
        if first:
            for name in ("style.css", *MODULES):
                self.client.get(f"/web/{name}", name="GET /web/… (modules)")
        self.client.get(f"/market/get_exchanges?{urlencode({'market': 'simulated'})}", name="GET exchanges")
        self.client.get(f"/market/get_symbols?{urlencode(MARKET)}", name="GET symbols")
        self.read(
            "highcharts", {"include": "accessibility", "locale": self.chance.choice(WORDED)}, "in words"
        )

    def read(self, shape: str, more: dict[str, object], shown: str) -> None:
        asked = {**MARKET, "symbol": self.symbol, "timeframe": self.timeframe, "format": shape, **more}
        self.client.get(f"/market/fetch_ohlcv?{urlencode(asked)}", name=f"GET bars, {shown}")

    def sign_in(self, number: int) -> None:
        name = f"person-{number}-{secrets.token_hex(4)}"
        body = {"username": name, "password": PASSWORD}
        self.send("/auth/register", body)
        answer = self.send("/auth/login", body)
        if not answer.ok:
            raise StopUser
        self._keep(answer.json())

    def send(self, path: str, body: dict[str, str]) -> ResponseContextManager:
        """Send it, and again after as long as the service says where too many sign in at this moment."""
        for _ in range(TRIES):
            answer = self.client.post(path, json=body, name=f"POST {path}")
            if answer.status_code != BUSY:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        return answer

    def _keep(self, pair: dict[str, object]) -> None:
        self.refresh_token = pair["refresh_token"]
        self.client.headers["Authorization"] = f"Bearer {pair['access_token']}"

    @task(8)
    def read_a_chart(self) -> None:
        """Look at one more shape of the same chart: most answers are ready."""
        shape = self.chance.choice(FORMATS)
        self.read(shape, {"limit": self.chance.choice((100, 500, 1_000))}, f"format={shape}")

    @task(3)
    def go_back_in_time(self) -> None:
        """Look at a past that seldom anybody has looked at: these answers come from PostgreSQL or further."""
        day = self.chance.randint(1, 28)
        month = self.chance.randint(1, 12)
        since = f"2025-{month:02d}-{day:02d}T00:00Z"
        self.read("highcharts", {"since": since, "limit": 500, "timeframe": "1h"}, "of the past")

    @task(2)
    def read_by_udf(self) -> None:
        now = int(time.time())
        asked = {
            "symbol": f"simulated:simex:{self.symbol}",
            "resolution": "60",
            "from": now - 864_000,
            "to": now,
        }
        self.client.get(f"/udf/history?{urlencode(asked)}", name="GET /udf/history")

    @task(2)
    def describe(self) -> None:
        asked = {**MARKET, "symbol": self.symbol, "timeframe": self.timeframe, "verbosity": "brief"}
        self.client.get(f"/market/describe?{urlencode(asked)}", name="GET /market/describe")

    @task(2)
    def search(self) -> None:
        asked = {"query": self.chance.choice(("bitcoin", "eth", "euro", "bitcion")), "market": "simulated"}
        self.client.get(f"/market/search?{urlencode(asked)}", name="GET /market/search")

    @task(1)
    def come_again(self) -> None:
        self.symbol = self.chance.choice(SYMBOLS)
        self.open_page()

    @task(2)
    def stay_signed_in(self) -> None:
        if not self.refresh_token:
            return
        body = {"refresh_token": self.refresh_token}
        answer = self.client.post("/auth/refresh", json=body, name="POST /auth/refresh")
        if answer.ok:
            self._keep(answer.json())
        self.client.get("/api/v1/users/profile", name="GET profile")

    @task(4)
    def listen(self) -> None:
        """Listen for a while; the wait for the first prices counts as a request, and frames are tallied."""
        asked = {**MARKET, "symbols": self.symbol, "timeframe": "1m", "announce": "true"}
        address = f"{self.host.replace('http', 'ws', 1)}/ws/subscribe?{urlencode(asked)}"
        began = time.perf_counter()
        try:
            self._hear(address, began)
        except (OSError, websocket.WebSocketException) as error:
            self._tell("WS until the first prices", began, 0, error)

    def _hear(self, address: str, began: float) -> None:
        headers = [f"X-Forwarded-For: {self.client.headers['X-Forwarded-For']}"]
        socket = websocket.create_connection(address, timeout=SOCKET_TIMEOUT_S, header=headers)
        heard["sockets"] += 1
        size, ends = 0, None
        try:
            while ends is None or time.perf_counter() < ends:
                try:
                    frame = socket.recv()
                except websocket.WebSocketTimeoutException:
                    if ends is None:
                        raise
                    continue
                size += len(frame)
                heard["messages"] += 1
                heard["bytes"] += len(frame)
                kind = json.loads(frame)["type"]
                heard["bars"] += kind == "bar"
                if kind == "snapshot" and ends is None:
                    self._tell("WS until the first prices", began, size, None)
                    ends = time.perf_counter() + self.chance.uniform(*LISTEN_S)
                    socket.settimeout(1.0)
        finally:
            heard["seconds"] += time.perf_counter() - began
            socket.close()

    def _tell(self, name: str, began: float, size: int, failure: Exception | None) -> None:
        events.request.fire(
            request_type="WS",
            name=name,
            response_time=(time.perf_counter() - began) * 1_000,
            response_length=size,
            exception=failure,
            context={},
        )
