"""Lasting answers in Redis, as bytes, for every worker; each valid only under the version of its topic."""

import hashlib
from dataclasses import dataclass
from typing import cast

import orjson

from services.answer_changes import EVERYTHING, version_key
from services.answers import Answer, AnswerKey, Lasting
from services.upstream.optional_redis import OptionalRedis, RedisAway
from utils.version import VERSION

# How long an answer of a kind is kept; the others are not.
LIFE_S = {Lasting.SETTLED: 60 * 60, Lasting.LISTED: 100}
# Of how an answer is packed here.
FORM = 3


@dataclass(frozen=True, slots=True)
class Found:
    """Hold the version of a topic, with that of everything, and the answer if there is one under it."""

    version: bytes
    answer: Answer | None


class SharedAnswers:
    """Read and write whole answers; the body is never decoded."""

    def __init__(self, redis: OptionalRedis) -> None:
        self._redis = redis

    async def read(self, key: AnswerKey) -> Found | None:
        """Return what is kept for the key; None when Redis does not answer."""
        names = [version_key(key.topic), version_key(EVERYTHING), _name(key)]
        try:
            found = await self._redis.ask(lambda: self._redis.redis.mget(names))
        except RedisAway:
            return None
        of_topic, of_everything, kept = cast("list[bytes | None]", found)
        version = b"%b %b" % (of_topic or b"-", of_everything or b"-")
        return Found(version, None if kept is None else _unpack(kept, version))

    async def write(self, key: AnswerKey, version: bytes, answer: Answer) -> None:
        """Keep an answer under the version that was read before the answer was made."""
        packed, life_s = _pack(answer, version), LIFE_S[answer.lasting]
        try:
            await self._redis.ask(lambda: self._redis.redis.set(_name(key), packed, ex=life_s))
        except RedisAway:
            return


def _name(key: AnswerKey) -> str:
    # The version of the program, and of this form, is part of it: another one may encode differently.
    digest = hashlib.blake2b(f"{VERSION}.{FORM}\n{key.question}".encode(), digest_size=16).hexdigest()
    return f"answer:{{{key.topic}}}:{digest}"


def _pack(answer: Answer, version: bytes) -> bytes:
    head = orjson.dumps([version.decode(), answer.content_type, answer.lasting, answer.etag, answer.headers])
    return b"%b\n%b" % (head, answer.body)


def _unpack(packed: bytes, version: bytes) -> Answer | None:
    head, _, body = packed.partition(b"\n")
    kept_version, content_type, lasting, etag, headers = orjson.loads(head)
    if kept_version.encode() != version:
        return None
    pairs = tuple((name, text) for name, text in headers)
    return Answer(body, content_type, Lasting(lasting), etag, pairs)
