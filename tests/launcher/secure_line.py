"""A client of TLS, by hand: one connection, in HTTP/1.1 or HTTP/2, that can carry a WebSocket."""

import socket
import ssl
from pathlib import Path
from typing import Self

import h2.connection
import h2.events
import h2.settings

TIMEOUT_S = 15


def trusting(trusted: Path, *protocols: str) -> ssl.SSLContext:
    """What a browser would speak with, if it trusted this authority."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.set_alpn_protocols(list(protocols))
    return context


def connect(address: tuple[str, int], context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(address, timeout=TIMEOUT_S)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


class Http2Line:
    """One HTTP/2 connection, one thing at a time."""

    def __init__(self, address: tuple[str, int], trusted: Path) -> None:
        self.connection = connect(address, trusting(trusted, "h2"))
        assert self.connection.selected_alpn_protocol() == "h2"
        self._h2 = h2.connection.H2Connection()
        self._events: list[h2.events.Event] = []
        self._h2.initiate_connection()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str) -> tuple[dict[str, str], bytes]:
        """Ask, and return the headers and the body of the answer."""
        stream = self._ask({":method": "GET", ":path": path})
        headers, body = self._headers(stream), b""
        while not isinstance(event := self._next(stream), h2.events.StreamEnded):
            if isinstance(event, h2.events.DataReceived):
                body += event.data
        return headers, body

    def open_websocket(self, path: str) -> int:
        """Do what browsers do on an HTTP/2 connection (RFC 8441), and return the stream."""
        while not self._h2.remote_settings.enable_connect_protocol:
            self._receive()
        stream = self._ask(
            {":method": "CONNECT", ":protocol": "websocket", ":path": path, "sec-websocket-version": "13"},
            end=False,
        )
        assert self._headers(stream)[":status"] == "200"
        return stream

    def send(self, stream: int, data: bytes) -> None:
        self._h2.send_data(stream, data)
        self._flush()

    def receive(self, stream: int) -> bytes:
        """Return the next bytes of a stream."""
        while not isinstance(event := self._next(stream), h2.events.DataReceived):
            assert not isinstance(event, h2.events.StreamEnded | h2.events.StreamReset), event
        self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
        self._flush()
        return event.data

    def _ask(self, pseudo: dict[str, str], *, end: bool = True) -> int:
        stream = self._h2.get_next_available_stream_id()
        first = {name: text for name, text in pseudo.items() if name.startswith(":")}
        rest = {name: text for name, text in pseudo.items() if not name.startswith(":")}
        headers = first | {":scheme": "https", ":authority": "localhost"} | rest
        self._h2.send_headers(stream, list(headers.items()), end_stream=end)
        self._flush()
        return stream

    def _headers(self, stream: int) -> dict[str, str]:
        while not isinstance(event := self._next(stream), h2.events.ResponseReceived):
            pass
        pairs = [(_text(name), _text(value)) for name, value in event.headers]
        return dict(pairs)

    def _next(self, stream: int) -> h2.events.Event:
        while True:
            for index, event in enumerate(self._events):
                if getattr(event, "stream_id", None) == stream:
                    return self._events.pop(index)
            self._receive()

    def _receive(self) -> None:
        data = self.connection.recv(65_536)
        assert data, "the server hung up"
        self._events += self._h2.receive_data(data)
        self._flush()

    def _flush(self) -> None:
        self.connection.sendall(self._h2.data_to_send())


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
