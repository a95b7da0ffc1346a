"""Connections that cost a service something and give it nothing, from many addresses of the loopback."""

import contextlib
import json
import math
import socket
import time
from collections.abc import Iterator

PER_ADDRESS = 10
CONNECT_TIMEOUT_S = 10
MORE_TIMEFRAMES = ("5s", "15s", "1m", "5m")
SYMBOLS = "BTC/USD,ETH/USD,EUR/USD,SOL/USD,DOGE/USD"


def upgrade(path: str, origin: str = "") -> str:
    more = f"Origin: {origin}\r\n" if origin else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{more}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


ATTACKS = {
    "idle": "",
    "slow header": "GET /live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "slow body": (
        "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        'Content-Length: 1000\r\n\r\n{"username"'
    ),
    "refused": upgrade("/ws?market=simulated", "https://evil.example"),
    "mute": upgrade("/ws?market=simulated"),
    "stalled": upgrade(f"/ws/subscribe?market=simulated&symbols={SYMBOLS}&timeframe=1s"),
}


@contextlib.contextmanager
def attackers(
    address: tuple[str, int], kind: str, count: int, *, per_second: float = math.inf
) -> Iterator[list[socket.socket]]:
    """Open the connections, send what each sends, and never read nor close until the block ends."""
    with contextlib.ExitStack() as stack:
        opened = []
        began_s = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began_s + number / per_second - time.monotonic()))
            connection = stack.enter_context(socket.socket())
            connection.settimeout(CONNECT_TIMEOUT_S)
            # A reader that stalls has a small window, and what is sent to it piles up at the sender.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            place = number // PER_ADDRESS
            connection.bind((f"127.7.{place // 200}.{place % 200 + 1}", 0))
            connection.connect(address)
            connection.sendall(ATTACKS[kind].encode())
            if kind == "stalled":
                ask_for_more(connection)
            opened.append(connection)
        yield opened


def ask_for_more(connection: socket.socket) -> None:
    """Subscribe to so much that what is not read fills every buffer soon."""
    connection.recv(12)
    for symbol in SYMBOLS.split(","):
        for timeframe in MORE_TIMEFRAMES:
            command = json.dumps({"type": "subscribe", "symbol": symbol, "timeframe": timeframe}).encode()
            # A masked text frame, with the mask 0.
            connection.sendall(bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command)
