"""The strict JSON codec, in the place where Quart looks for JSON."""

from typing import Any

from quart.json.provider import JSONProvider

from utils.json_codec import decode_json, encode_json


class StrictJSONProvider(JSONProvider):
    """Write what views return, and read what ``get_json`` is asked for, by the strict codec."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Return compact JSON text."""
        return encode_json(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of a JSON text.

        Raises: JsonError, which is a ValueError.
        """
        return decode_json(s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s)
