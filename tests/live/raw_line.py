"""A WebSocket client that can send what no library lets one send, and keeps what the server says."""

import asyncio
import json
import os
import struct
from collections import Counter

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
NO_CODE, NO_CLOSE_FRAME = 1005, 1006
DEADLINE_S = 20


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Return one frame as a client sends it, or as it must not."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    flag = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, flag | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, flag | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, flag | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


class RawLine:
    """One connection; a task reads it all the time, whatever is being sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.heard: Counter[str] = Counter()
        self.pongs: set[str] = set()
        # With what the server ended the connection; None while it has not.
        self.code: int | None = None
        self.changed = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, address: tuple[str, int], request: str) -> "RawLine":
        """Connect, and raise when the server does not agree."""
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; that the server has left already is no error here."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                self._writer.write(data)
                await self._writer.drain()
        except OSError:
            pass

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(condition)

    async def end(self) -> None:
        """Cut the line."""
        self._writer.transport.abort()
        await asyncio.wait([self._task], timeout=DEADLINE_S)
        self._task.result()

    async def _read(self) -> None:
        code = None
        try:
            while code is None:
                opcode, payload = await self._next()
                if opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if payload else NO_CODE
                    # A server may wait for the answer before it hangs up.
                    self._writer.write(frame(CLOSE, payload[:2]))
                elif opcode == TEXT:
                    self._note(payload)
                async with self.changed:
                    self.changed.notify_all()
        except (OSError, asyncio.IncompleteReadError):
            code = NO_CLOSE_FRAME
        self.code = code
        async with self.changed:
            self.changed.notify_all()

    async def _next(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        assert first & 0x70 == 0, "a reserved bit is set"
        assert second & 0x80 == 0, "a server masks nothing"
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)

    def _note(self, payload: bytes) -> None:
        said = json.loads(payload)
        for message in said if isinstance(said, list) else [said]:
            self.heard[message["type"]] += 1
            if message["type"] == "pong" and message["id"]:
                self.pongs.add(message["id"])
