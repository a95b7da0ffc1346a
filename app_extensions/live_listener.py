"""Listen to the announcements of a running service by WebSocket, and come back after every break."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from utils.errors import AppError, Unauthorized, Unavailable

ANSWER_TIMEOUT_S = 15.0
RETRY_MIN_S, RETRY_MAX_S = 1.0, 30.0
# Two heartbeats that fail to come.
SILENCE_FACTOR = 2.5
HEARTBEAT_S = 15.0
MESSAGE_BYTES_MAX = 1_000_000

Message = Mapping[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Station:
    """Name what is listened to, and how: parameters of ``/ws/subscribe`` that are the same each time."""

    url: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who listens: alerts are told to nobody else."""

    username: str
    password: str


class Listener:
    """Yield announcements for ever; ``lost`` and ``back`` messages stand for breaks of the connection."""

    def __init__(
        self, station: Station, session: aiohttp.ClientSession, credentials: Credentials | None
    ) -> None:
        self._station = station
        self._session = session
        self._credentials = credentials
        self._epoch: str | None = None
        self._offset: str | None = None
        self._sequence: int | None = None
        self._retry_s = RETRY_MIN_S
        self._pair: Message | None = None
        self._good_until_s = 0.0
        self._fresh = False

    async def missed(self, since_ms: int | None) -> Message:
        """Ask what was missed; also the way to learn what is wrong with a name before listening.

        Raises: AppError with the sentence of the service.
        """
        live_only = ("announce", "mode")
        parameters = {
            name: value for name, value in self._station.parameters.items() if name not in live_only
        }
        parameters["symbol"] = parameters.pop("symbols")
        parameters["since_ms"] = str(since_ms if since_ms is not None else time.time_ns() // 1_000_000)
        return await self._ask("GET", "/announcements", parameters=parameters)

    async def announcements(self) -> AsyncGenerator[Message, None]:
        """Listen; a break is told once, and what was missed meanwhile once more.

        Raises: AppError when the service refuses what was asked for.
        """
        lost = False
        while True:
            try:
                async with aclosing(self._listen()) as messages:
                    async for message in messages:
                        if lost:
                            lost = False
                            yield {"type": "back"}
                        if message["type"] == "announce":
                            yield message
            except aiohttp.WSServerHandshakeError as error:
                self._note_refusal(error.status)
            except (aiohttp.ClientError, TimeoutError, OSError, Unavailable) as error:
                log.info("connection lost", extra={"reason": str(error)})
            if not lost:
                lost = True
                yield {"type": "lost"}
            # Spread, so that listeners who were cut off together do not come back together.
            await asyncio.sleep(self._retry_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
            self._retry_s = min(RETRY_MAX_S, self._retry_s * 2)

    async def _listen(self) -> AsyncGenerator[Message, None]:
        headers = await self._sign_in()
        parameters = {**self._station.parameters, **self._position()}
        address = f"{self._station.url}/ws/subscribe"
        silence_s = HEARTBEAT_S * SILENCE_FACTOR
        async with self._session.ws_connect(
            address, params=parameters, headers=headers, max_msg_size=MESSAGE_BYTES_MAX
        ) as socket:
            while True:
                received = await socket.receive(timeout=silence_s)
                if received.type is not aiohttp.WSMsgType.TEXT:
                    return
                message = json.loads(received.data)
                self._note(message)
                if message["type"] == "hello":
                    silence_s = message["heartbeat_ms"] / 1_000 * SILENCE_FACTOR
                yield message

    def _note(self, message: Message) -> None:
        match message["type"]:
            case "subscribed" | "snapshot" | "resync":
                self._epoch, self._offset = message["epoch"], message["offset"]
                self._retry_s = RETRY_MIN_S
            case "bar" | "status":
                self._offset = message["offset"]
            case "announce":
                self._sequence = message["sequence"]
            # Before anything fires, so that what fires while the line is down is told after it.
            case "preferred" if message.get("sequence") is not None:
                self._sequence = message["sequence"]
            case "server_shutdown":
                self._retry_s = max(RETRY_MIN_S, message["retry_ms"] / 1_000)

    def _position(self) -> dict[str, str]:
        position = {}
        if self._epoch is not None and self._offset is not None:
            position["since"] = f"{self._epoch},{self._offset}"
        if self._sequence is not None:
            position["announce_since"] = str(self._sequence)
        return position

    def _note_refusal(self, status: int) -> None:
        if status != HTTPStatus.UNAUTHORIZED or self._pair is None:
            return
        if self._fresh:
            raise Unauthorized("The service does not accept its own token. Ask who runs it.")
        self._pair = None

    async def _sign_in(self) -> dict[str, str]:
        if self._credentials is None:
            return {}
        self._fresh = self._pair is None or time.monotonic() >= self._good_until_s
        if self._fresh:
            began_s = time.monotonic()
            self._pair = await self._new_pair(self._credentials)
            self._good_until_s = began_s + self._pair["expires_in"]
        assert self._pair is not None
        return {"Authorization": f"Bearer {self._pair['access_token']}"}

    async def _new_pair(self, credentials: Credentials) -> Message:
        if self._pair is not None:
            try:
                body = {"refresh_token": self._pair["refresh_token"]}
                return await self._ask("POST", "/auth/refresh", body=body)
            except Unauthorized:
                self._pair = None
        body = {"username": credentials.username, "password": credentials.password}
        return await self._ask("POST", "/auth/login", body=body)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Message:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with self._session.request(
            method, self._station.url + path, params=parameters, json=body, timeout=timeout
        ) as response:
            try:
                answer: Any = await response.json(content_type=None)
            except ValueError:
                answer = None
        if not isinstance(answer, dict):
            raise Unavailable(f"{self._station.url} answers, but is not this service. Check --url.")
        if response.ok:
            return answer
        detail = str(answer.get("detail", "The service refused without a reason."))
        if (
            response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or response.status == HTTPStatus.TOO_MANY_REQUESTS
        ):
            raise Unavailable(detail)
        raise (Unauthorized if response.status == HTTPStatus.UNAUTHORIZED else AppError)(detail)
