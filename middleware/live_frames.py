"""Several WebSocket frames in one write: the cost of telling many clients is in the writes, not in the bytes.

ASGI hands a server one message at a time. A server that our guards know takes whole frames as well, as an
extension of its scope; with any other, and in tests without a server, each message is sent by itself.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

# The type of the ASGI message, and the name in scope["extensions"] of what sends it.
EXTENSION = "accessibletrader.frames"

# The name there of what writes frames at once, or says that the client has not read those before.
EXTENSION_NOW = "accessibletrader.frames_now"

SendFrames = Callable[[bytes], Awaitable[None]]
SendNow = Callable[[bytes], bool]

_TEXT = 0x81
_SHORT_MAX, _MIDDLE_MAX = 125, 0xFFFF
_MIDDLE, _LONG = 126, 127


def text_frames(texts: Iterable[bytes]) -> bytes:
    """Return UTF-8 texts as frames of a server, each text one final frame, unmasked (RFC 6455, 5.2)."""
    parts: list[bytes] = []
    for text in texts:
        parts += (_head(len(text)), text)
    return b"".join(parts)


def frame_sender(scope: Any) -> SendFrames | None:
    """Return what sends whole frames on this connection, None where the server does not know how."""
    found: SendFrames | None = _extension(scope, EXTENSION)
    return found


def now_sender(scope: Any) -> SendNow | None:
    """Return what writes whole frames at once if everything before them has gone, None where nothing can."""
    found: SendNow | None = _extension(scope, EXTENSION_NOW)
    return found


def _extension(scope: Any, name: str) -> Any:
    return (scope.get("extensions") or {}).get(name)


def _head(length: int) -> bytes:
    if length <= _SHORT_MAX:
        return bytes((_TEXT, length))
    if length <= _MIDDLE_MAX:
        return bytes((_TEXT, _MIDDLE, length >> 8, length & 0xFF))
    return bytes((_TEXT, _LONG)) + length.to_bytes(8, "big")
