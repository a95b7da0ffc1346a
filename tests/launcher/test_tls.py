"""HTTPS and wss as clients meet them, on both servers: what is spoken, what is refused, what is renewed."""

import json
import os
import signal
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded.processes import wait_for
from tests.launcher.authority import Authority
from tests.launcher.conftest import APP, Service
from tests.launcher.secure_line import Http2Line, connect, trusting
from tests.launcher.test_hypercorn_guard import read_head

both_servers = pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
GOOD_SECRET = "q7-Vb2!xLr9mZ0tYc4sKd8wHf1gJn5pE"


def frame(payload: bytes) -> bytes:
    """A short text frame from a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def shown(service: Service, context: ssl.SSLContext) -> str:
    """The name in the certificate that a new connection is shown."""
    with connect(service.address, context) as connection:
        subject = dict(pair for (pair,) in connection.getpeercert()["subject"])  # type: ignore[index, misc]
    return str(subject["commonName"])


def speaks_https_and_wss(service: Service, authority: Authority, protocol: str) -> None:
    context = trusting(authority.trusted, "http/1.1")
    with connect(service.address, context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_head(connection).split()[1] == b"200"
    with connect(service.address, context) as connection:
        connection.sendall(service.upgrade("/echo").encode())
        assert read_head(connection).split()[1] == b"101"
        connection.sendall(frame(b"heard"))
        assert connection.recv(64) == b"\x81\x05heard"
    # What does not say which protocol it wants gets the one that everybody knows.
    with connect(service.address, trusting(authority.trusted)) as connection:
        assert connection.selected_alpn_protocol() is None
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_head(connection).split()[1] == b"200"
    with connect(service.address, trusting(authority.trusted, "h2", "http/1.1")) as connection:
        assert connection.selected_alpn_protocol() == protocol
        assert connection.version() == "TLSv1.3"


def speaks_nothing_older_than_tls_1_2(service: Service) -> None:
    assert answered(service, b"\x03\x03", b"\xc0\x2b")[:1] == b"\x16"  # a handshake goes on
    assert answered(service, b"\x03\x03", b"\xc0\x09\xc0\x13\x00\x2f")[:1] != b"\x16"  # no forward secrecy
    assert answered(service, b"\x03\x02", b"\xc0\x09\xc0\x13\x00\x2f")[:1] != b"\x16"


def answered(service: Service, version: bytes, suites: bytes) -> bytes:
    """What is answered to a client of this version and these suites; OpenSSL no longer plays an old one."""
    extensions = bytes.fromhex("000a 0004 0002 0017") + bytes.fromhex("000d 0004 0002 0403")  # P-256, ECDSA
    hello = version + os.urandom(32) + b"\x00" + struct.pack(">H", len(suites)) + suites + b"\x01\x00"
    hello += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(hello).to_bytes(3) + hello
    with socket.create_connection(service.address, timeout=15) as connection:
        connection.sendall(b"\x16" + version + struct.pack(">H", len(message)) + message)
        return connection.recv(64)


def hangs_up_on_what_is_no_tls(service: Service) -> None:
    for said in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00", os.urandom(2_000)):
        with socket.create_connection(service.address, timeout=15) as plain:
            plain.sendall(said)
            plain.shutdown(socket.SHUT_WR)
            assert b"HTTP/" not in plain.recv(200)


def bears_rude_clients(service: Service, context: ssl.SSLContext) -> None:
    # One that does not trust us says so and goes.
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(service.address, ssl.create_default_context())
    # Some are gone in the middle of what they are sent, without a goodbye of either kind.
    for _ in range(3):
        with connect(service.address, context) as rude:
            rude.sendall(service.upgrade("/flood").encode())
            rude.recv(1_000)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def renew(authority: Authority, settings: dict[str, str]) -> None:
    renewed = authority.issue("renewed")
    for name, path in settings.items():
        Path(renewed[name]).replace(path)


@both_servers
def test_a_server_with_a_certificate_speaks_tls_and_nothing_else(
    launch: Callable[..., Service], beside: dict[str, str], authority: Authority, server: str
) -> None:
    settings = authority.issue("first")
    service = launch(SERVER=server, **beside, **settings)
    assert service.url.startswith("https://")
    context = trusting(authority.trusted, "http/1.1")
    with (
        socket.create_connection(service.address, timeout=15) as mute,
        connect(service.address, context) as listener,
    ):
        listener.sendall(service.upgrade("/echo").encode())
        assert read_head(listener).split()[1] == b"101"
        speaks_https_and_wss(service, authority, {"hypercorn": "h2", "uvicorn": "http/1.1"}[server])
        speaks_nothing_older_than_tls_1_2(service)
        hangs_up_on_what_is_no_tls(service)
        bears_rude_clients(service, context)
        assert shown(service, context) == "first"
        renew(authority, settings)
        wait_for(lambda: shown(service, context) == "renewed", timeout_s=15, what="the renewed certificate")
        # Who was connected before notices nothing.
        listener.sendall(frame(b"still there"))
        assert listener.recv(64) == b"\x81\x0bstill there"
        # Whoever never shakes hands is not waited for; a minute is what both servers would give it.
        assert mute.recv(1) == b""
    with connect(service.address, context) as leaving:
        leaving.sendall(service.upgrade("/polite").encode())
        assert read_head(leaving).split()[1] == b"101"
        service.process.send_signal(signal.SIGTERM)
        said = b""
        while b"restarts" not in said:
            said += leaving.recv(256)
        assert (1012).to_bytes(2) in said
    assert service.exit_code() == 0
    assert [line.partition(": ")[2] for line in service.complained.splitlines()] == [
        "showing a renewed certificate"
    ]


def test_a_browser_s_way_over_http_2_leads_to_prices(
    launch: Callable[..., Service], beside: dict[str, str], authority: Authority
) -> None:
    production = {"ENV": "production", "SECRET_KEY": GOOD_SECRET}
    service = launch(APP, **beside, **production, **authority.issue())
    with Http2Line(service.address, authority.trusted) as line:
        headers, body = line.get("/market/get_exchanges?market=simulated")
        assert json.loads(body) == ["simex"]
        assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "server" not in headers
        stream = line.open_websocket("/ws/subscribe?market=simulated&symbols=BTC/USD")
        said = b""
        while b'"type":"snapshot"' not in said:
            said += line.receive(stream)
        # A goodbye, masked with zeros, and the answer to it.
        line.send(stream, b"\x88\x82\0\0\0\0\x03\xe8")
        while b"\x88\x02\x03\xe8" not in said:
            said += line.receive(stream)
        assert json.loads(line.get("/live")[1])
    assert service.stop() == 0
    assert "Traceback" not in service.complained
