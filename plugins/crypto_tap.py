"""A ccxt class with taps: we see each raw answer, each frame and each lost connection.

ccxt's own work is changed in three places: a body that is no JSON fails instead of becoming "no bars", a
frame ccxt cannot read ends its connection instead of being lost in a callback, and the observer keeps the
pace.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from plugins.crypto_answers import current_answer
from plugins.crypto_errors import PARSE_FAULTS, garbage


class ClientObserver(Protocol):
    """What the owner of a ccxt client is told."""

    async def paced(self, cost: float) -> None:
        """Wait until a call of this cost, in ccxt's units, may be made; the one call that waits."""

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer's headers, names in lower case."""

    def connected(self, connection: Any) -> None:
        """Take note that the subscription being made runs over this WebSocket."""

    def received(self, connection: Any) -> None:
        """Take note that ccxt has read a frame into its caches."""

    def lost(self, connection: Any, error: Exception) -> None:
        """Take note that the WebSocket is gone."""


class Tap:
    """Stand before a ccxt class and tell the observer; the signatures are ccxt's."""

    _observer: ClientObserver
    _frame_faults: tuple[type[Exception], ...]
    name: str
    clients: Mapping[str, Any] | None

    async def throttle(self, cost: float | None = None) -> None:
        """Wait for the turn of a call."""
        await self._observer.paced(1 if cost is None else cost)

    def on_rest_response(  # noqa: PLR0917
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        response_headers: Mapping[str, str],
        response_body: str,
        request_headers: Any,
        request_body: Any,
    ) -> Any:
        """Take note of an answer before anything is read from it."""
        headers = {name.lower(): text for name, text in response_headers.items()}
        self._observer.answered(headers)
        answer = current_answer()
        if answer is not None:
            answer.status, answer.headers, answer.unparsed = code, headers, True
        ccxt: Any = super()
        return ccxt.on_rest_response(
            code, reason, url, method, response_headers, response_body, request_headers, request_body
        )

    def parse_json(self, http_response: str) -> Any:
        """Return the JSON of a text, None if it is none. Raises: UpstreamGarbage, see ``Answer``."""
        ccxt: Any = super()
        parsed = ccxt.parse_json(http_response)
        answer = current_answer()
        # ccxt parses other texts too; only the first after an answer is its body. The statuses of failure
        # are left to ccxt, which knows them better than their bodies.
        if answer is not None and answer.unparsed:
            answer.unparsed, answer.body = False, parsed
            if answer.strict and parsed is None and answer.status < 300:
                raise garbage(self.name)
        return parsed

    def parse_ohlcvs(  # noqa: PLR0917
        self,
        ohlcvs: Any,
        market: Any = None,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        tail: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        """Return rows; while an answer is recorded, all of them, so that bad ones are seen."""
        ccxt: Any = super()
        answer = current_answer()
        if answer is None:
            return ccxt.parse_ohlcvs(ohlcvs, market, timeframe, since, limit, tail)
        answer.rows = ccxt.parse_ohlcvs(ohlcvs, market, timeframe, None, None, tail)
        return answer.rows

    def client(self, url: str) -> Any:
        """Return the WebSocket for an address, made if there is none."""
        ccxt: Any = super()
        known = url in (self.clients or {})
        connection = ccxt.client(url)
        if not known:
            _guard_frames(connection, self._observer, self._frame_faults)
        self._observer.connected(connection)
        return connection

    def on_error(self, client: Any, error: Exception) -> None:
        """Take note that a WebSocket failed."""
        ccxt: Any = super()
        ccxt.on_error(client, error)
        self._observer.lost(client, error)

    def on_close(self, client: Any, error: Any) -> None:
        """Take note that a WebSocket was closed; the error is the closing code."""
        ccxt: Any = super()
        ccxt.on_close(client, error)
        self._observer.lost(client, ConnectionError(f"closed with code {error}"))


def tapped(base: Any, observer: ClientObserver, base_error: type[Exception]) -> Any:
    """Return a subclass of a ccxt class that tells the observer; ``base_error`` is the root of ccxt's own."""
    taps = {"_observer": observer, "_frame_faults": (*PARSE_FAULTS, base_error)}
    return type(base.__name__, (Tap, base), taps)


def _guard_frames(connection: Any, observer: ClientObserver, faults: tuple[type[Exception], ...]) -> None:
    # The method is replaced on the one object, since ccxt offers no place to pass a class of ours.
    read_frame = connection.handle_text_or_binary_message

    def read_frame_or_fail(data: Any) -> None:
        try:
            read_frame(data)
        except faults as error:
            connection.on_error(error)
        else:
            observer.received(connection)

    connection.handle_text_or_binary_message = read_frame_or_fail
