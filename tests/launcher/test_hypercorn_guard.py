"""Hostile clients against a running server: what the guard closes, and what uvicorn must close as well."""

import contextlib
import socket
from collections.abc import Callable

import pytest

from app_extensions import hypercorn_guard
from app_extensions.hypercorn_guard import GuardError, guard_hypercorn
from tests.embedded.processes import wait_for
from tests.launcher.conftest import Service, StandingService

both_servers = pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
on_hypercorn = pytest.mark.parametrize("standing", ["hypercorn"], indirect=True)
CLIENTS = 40
# A text frame from a client: masked, with the mask 0.
EARLY_FRAME = b"\x81\x85\x00\x00\x00\x00early"


def frame(payload: bytes) -> bytes:
    """A masked text frame of up to 64 KiB, or a longer one."""
    size = len(payload)
    length = (
        bytes([0x80 | 126]) + size.to_bytes(2) if size < 2**16 else bytes([0x80 | 127]) + size.to_bytes(8)
    )
    return b"\x81" + length + b"\0\0\0\0" + payload


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(1)):
        head += more
    return head


def test_bytes_before_the_handshake_is_answered_leave_nothing_behind(standing: StandingService) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            connection = stack.enter_context(standing.ask(""))
            connection.sendall(standing.upgrade("/deaf").encode() + EARLY_FRAME)
            read_head(connection)
    standing.assert_nothing_is_kept()


@on_hypercorn
def test_hypercorn_refuses_bytes_before_the_handshake_and_hangs_up(standing: StandingService) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(standing.ask("")) for _ in range(CLIENTS)]
        for connection in connections:
            connection.sendall(standing.upgrade("/deaf").encode() + EARLY_FRAME)
        for connection in connections:
            assert read_head(connection).startswith(b"HTTP/1.1 400")
            assert connection.recv(1) == b""
        # The clients are all still there: it is the server that has let go.
        standing.assert_nothing_is_kept()
    assert standing.complained == ""


def test_refused_handshakes_leave_nothing_behind(standing: StandingService) -> None:
    for path in ("/nowhere", "/deaf"):
        for _ in range(CLIENTS):
            version = "Sec-WebSocket-Version: 12\r\n" if path == "/deaf" else ""
            request = standing.upgrade(path).replace("Sec-WebSocket-Version: 13\r\n", version)
            with standing.ask(request if version else standing.upgrade(path)) as connection:
                assert read_head(connection).split()[1] in (b"400", b"403", b"404", b"426")
    standing.assert_nothing_is_kept()


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection"])
def test_a_handshake_that_cannot_be_read_is_refused_and_leaves_nothing_behind(
    standing: StandingService, name: str
) -> None:
    request = standing.upgrade("/echo", f"{name}: \xff\r\n").encode("latin-1")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(standing.ask("")) for _ in range(CLIENTS)]
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            assert read_head(connection).startswith(b"HTTP/1.1 4")
    standing.assert_nothing_is_kept()
    assert "Traceback" not in standing.complained


@on_hypercorn
@pytest.mark.parametrize("path", [b"/\xff", b""], ids=["path", "connect"])
def test_http_2_that_cannot_be_read_is_hung_up_on_without_a_word_of_ours(
    standing: StandingService, path: bytes
) -> None:
    # As HPACK numbers them: GET, http, :path, :authority; or :method as a text of its own, and :authority.
    fields = b"\x82\x86\x44" + bytes([len(path)]) + path if path else b"\x42\x07CONNECT"
    fields += b"\x41\x09localhost"
    headers = len(fields).to_bytes(3) + b"\x01\x05" + (1).to_bytes(4) + fields
    with standing.ask("") as connection:
        connection.settimeout(10)
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0" + headers)
        while connection.recv(4096):
            pass
    standing.assert_nothing_is_kept()
    assert standing.complained == ""


def test_nobody_is_let_past_a_proxy_by_an_upgrade_to_http_2(standing: StandingService) -> None:
    upgrade = (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    )
    with standing.ask(f"GET /health HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n") as connection:
        assert read_head(connection).startswith(b"HTTP/1.1 200")


def test_compression_is_never_agreed_to(standing: StandingService) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    with standing.ask(standing.upgrade("/echo", offer)) as connection:
        head = read_head(connection)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in head.lower()
        connection.sendall(EARLY_FRAME)
        assert connection.recv(64) == b"\x81\x05early"


def test_a_message_over_64_kib_ends_the_connection(standing: StandingService) -> None:
    with standing.ask(standing.upgrade("/echo")) as connection:
        read_head(connection)
        connection.sendall(frame(b"x" * (64 * 1024 + 1)))
        closing = connection.recv(64)
        assert closing[:1] == b"\x88"
        assert int.from_bytes(closing[2:4]) == 1009


@pytest.mark.parametrize(
    ("data", "code"), [(b"\x83\x80\0\0\0\0", 1002), (b"\x81\x81\0\0\0\0\xff", 1007)], ids=["opcode", "utf-8"]
)
def test_who_breaks_the_protocol_is_told_so(standing: StandingService, data: bytes, code: int) -> None:
    with standing.ask(standing.upgrade("/echo")) as connection:
        read_head(connection)
        connection.settimeout(5)
        # Behind it lies something that nobody will read.
        connection.sendall(data + frame(b"x" * 1_000))
        said = connection.recv(64)
        assert said[:1] == b"\x88"
        assert int.from_bytes(said[2:4]) == code


def test_an_empty_binary_message_reaches_the_handler(standing: StandingService) -> None:
    with standing.ask(standing.upgrade("/curt")) as connection:
        read_head(connection)
        connection.settimeout(5)
        connection.sendall(b"\x82\x80\0\0\0\0")
        said = b""
        while b"Enough." not in said:
            said += connection.recv(256)
    assert "Traceback" not in standing.complained


def test_what_follows_a_message_that_was_too_long_is_no_error_of_ours(standing: StandingService) -> None:
    with standing.ask(standing.upgrade("/echo")) as connection:
        read_head(connection)
        connection.settimeout(5)
        binary = b"\x82" + frame(b"x" * 1_000)[1:]
        connection.sendall(frame(b"x" * (64 * 1024 + 1)) + binary * 100)
        assert int.from_bytes(connection.recv(64)[2:4]) == 1009
    standing.assert_nothing_is_kept()
    assert "Traceback" not in standing.complained


@both_servers
def test_a_sender_whom_nobody_reads_has_to_wait(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(SERVER=server, **beside)
    with service.ask(service.upgrade("/deaf")) as connection:
        read_head(connection)
        connection.settimeout(2)
        message = frame(b"x" * 60_000)
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < 64 * 1024 * 1024:
                taken += connection.send(message)
        # Sixteen messages of Quart's, ten of Hypercorn's, and what the kernel holds on both sides.
        assert taken < 16 * 1024 * 1024
        assert service.get("/health")["worker"]


def test_who_goes_on_sending_hears_why_the_connection_ends_and_leaves_nothing_behind(
    standing: StandingService,
) -> None:
    for _ in range(10):
        with standing.ask(standing.upgrade("/curt")) as connection:
            read_head(connection)
            connection.settimeout(10)
            # More than every queue on the way holds: the last of it is sent when nobody listens any more.
            connection.sendall(frame(b"x" * 60_000) * 100)
            said = b""
            while b"Enough." not in said:
                said += connection.recv(256)
            assert said[said.index(b"\x88") + 2 :][:2] == (1008).to_bytes(2)
            connection.sendall(b"\x88\x82\0\0\0\0" + (1008).to_bytes(2))
    standing.assert_nothing_is_kept()


def test_who_goes_on_sending_for_ever_is_hung_up_on(standing: StandingService) -> None:
    for _ in range(3):
        with standing.ask(standing.upgrade("/curt")) as connection:
            read_head(connection)
            connection.settimeout(10)
            message = frame(b"x" * 60_000)
            # A client that neither hears the goodbye nor hangs up: the server must.
            with contextlib.suppress(ConnectionError):
                while True:
                    connection.sendall(message)
    standing.assert_nothing_is_kept()


@on_hypercorn
def test_http_2_that_asks_for_nothing_is_hung_up_on(standing: StandingService) -> None:
    empty_settings = b"\0\0\0\x04\0\0\0\0\0"
    with standing.ask("") as connection:
        connection.settimeout(15)
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + empty_settings)
        heard = b""
        while more := connection.recv(1024):
            heard += more
        # It was greeted as HTTP/2 is, and that was all.
        assert heard[3:4] == b"\x04"


@on_hypercorn
def test_http_2_with_prior_knowledge_is_answered(standing: StandingService) -> None:
    # As HPACK numbers them: GET, http, :path, :authority.
    get_health = b"\x82\x86\x44\x07/health\x41\x09localhost"
    headers = (len(get_health)).to_bytes(3) + b"\x01\x05" + (1).to_bytes(4) + get_health
    with standing.ask("") as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0" + headers)
        heard = b""
        while b'"worker"' not in heard and (more := connection.recv(4096)):
            heard += more
        assert b'"worker"' in heard


@pytest.mark.long
@both_servers
def test_clients_that_stop_reading_are_let_go_without_a_traceback(
    launch: Callable[..., Service], beside: dict[str, str], server: str, loop_library: dict[str, str]
) -> None:
    service = launch(SERVER=server, **beside, **loop_library)
    before = service.get("/health")
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(service.ask(service.upgrade("/flood")))
        wait_for(
            lambda: service.get("/health")["descriptors"] >= before["descriptors"] + CLIENTS,
            timeout_s=10,
            what="all clients connected",
        )

        def let_go() -> bool:
            return service.get("/health")["descriptors"] <= before["descriptors"] + 2

        # They are still connected on their side; TCP_USER_TIMEOUT is 10 s.
        wait_for(let_go, timeout_s=40, what="the clients to be let go")
    assert "Traceback" not in service.complained
    assert service.stop() == 0


def test_an_unknown_hypercorn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypercorn_guard, "version", lambda _: "0.19.0")
    with pytest.raises(GuardError, match=r"Hypercorn 0\.19\.0 is not the 0\.18\.x"):
        guard_hypercorn()
