"""The early ring: ready answers leave before Quart's request cycle, which costs more than all the rest.

It answers only what the slow way has answered before, letter for letter the same question, and only plain
requests: no token, no body, nothing unusual. Everything else goes on to Quart. Both ways say the same.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from quart import Quart

from middleware.client_address import TRUSTED_PROXY_HOPS, believed_address
from middleware.context import EXTENSION as SERVICES
from middleware.origins import ANY_ORIGIN, EXPOSED_HEADERS, TRUSTED_ORIGINS
from middleware.rate_limit import EXTENSION as RATE_LIMITS
from middleware.rate_limit import RateLimits, caller_at, leased_call, take_call
from middleware.request_log import HEADER, ROUTE, id_of, log_early
from middleware.security_headers import baseline_headers
from services import Services
from services.answers import AnswerKey, encode_headers, tag_matches

EXTENSION = "accessibletrader_early_answers"
BUCKET = "default"
QUESTIONS_MAX = 4_096
QUESTION_LENGTH_MAX = 512
METHODS = ("GET", "HEAD")
# Narrower than what Quart takes, so that every host it refuses is refused by it.
PLAIN_HOST = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*(?::[1-5]?\d{1,4})?")
HOST_LENGTH_MAX = 60
HOSTS_MAX = 256
# Headers that mean something here; given twice, they are Quart's to judge.
READ = (b"host", b"if-none-match", b"origin", b"x-request-id")
FORWARDED = b"x-forwarded-for"
# Whoever sends these wants more than the answer, or something else.
UNUSUAL = frozenset(
    (
        *(b"authorization", b"content-length", b"content-type", b"expect", b"range", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade", b"x-http-method-override"),
    )
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _Question(NamedTuple):
    """What a question as clients write it is answered under; never an answer, which the cache lets go."""

    key: AnswerKey
    rule: str


class _Asked(NamedTuple):
    """What matters of the headers of a plain request; made for every one, so of the cheapest kind."""

    given_id: str
    if_none_match: str
    origin: str
    forwarded_for: Sequence[str]


def init_early_answers(app: Quart, *, production: bool) -> None:
    """Put the ring around the app; to be called after all other rings."""
    early = EarlyAnswers(app, production=production)
    app.extensions[EXTENSION] = early
    app.asgi_app = early.wrap(cast("Any", app.asgi_app))  # type: ignore[method-assign,assignment]


class EarlyAnswers:
    """Know which questions have ready answers, and send those."""

    def __init__(self, app: Quart, *, production: bool) -> None:
        self._app = app
        # In the order of the slow way, whose headers are added from the inside out.
        self._tail = encode_headers([("Vary", "Origin"), *baseline_headers(production=production).items()])
        self._id_name = HEADER.lower().encode()
        self._exposed = encode_headers([("Access-Control-Expose-Headers", ", ".join(EXPOSED_HEADERS))])
        self._questions: OrderedDict[tuple[str, bytes], _Question] = OrderedDict()

    def learn(self, rule: str, path: str, query_string: bytes, key: AnswerKey) -> None:
        """Remember that a question, just found to be a good one, is answered under this key."""
        question = _Question(key, rule)
        known = self._questions.get((path, query_string)) == question
        if known or len(path) + len(query_string) > QUESTION_LENGTH_MAX:
            return
        self._questions[path, query_string] = question
        if len(self._questions) > QUESTIONS_MAX:
            self._questions.popitem(last=False)

    def wrap(self, inner: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Return the app with this ring around it."""

        async def ringed(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] in METHODS:
                question = self._questions.get((scope["path"], scope["query_string"]))
                if question is not None and await self._sent(question, scope, send):
                    return
            await inner(scope, receive, send)

        return ringed

    async def _sent(self, question: _Question, scope: Message, send: Send) -> bool:
        started_s = time.perf_counter()
        asked = _plain(scope["headers"])
        house: Services | None = self._app.extensions.get(SERVICES)
        if asked is None or house is None or scope.get("root_path"):
            return False
        trusted: Sequence[str] = self._app.config[TRUSTED_ORIGINS]
        if asked.origin and ANY_ORIGIN in trusted:
            return False
        answer = house.answers.peek(question.key) or await house.answers.find(question.key)
        if answer is None or answer.etag is None:
            return False
        limits, caller = self._limits(), self._caller(scope, asked)
        allowance = leased_call(limits, house, BUCKET, caller) or await take_call(
            limits, house, BUCKET, caller
        )
        if allowance is not None and not allowance.allowed:
            # A refusal is a rare thing, and has its words in one place.
            return False
        unchanged = bool(asked.if_none_match) and tag_matches(asked.if_none_match, answer.etag)
        headers = list(answer.raw_cache_headers if unchanged else answer.raw_headers)
        if allowance is not None:
            headers += encode_headers(allowance.headers)
        if asked.origin in trusted:
            headers += (*encode_headers([("Access-Control-Allow-Origin", asked.origin)]), *self._exposed)
        request_id = id_of(asked.given_id)
        headers += self._tail
        headers.append((self._id_name, request_id.encode()))
        status = 304 if unchanged else 200
        scope[ROUTE] = question.rule
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if unchanged else answer.body
        await send({"type": "http.response.body", "body": body, "more_body": False})
        log_early(scope, question.rule, status, request_id, started_s)
        return True

    def _limits(self) -> RateLimits:
        limits: RateLimits = self._app.extensions[RATE_LIMITS]
        return limits

    def _caller(self, scope: Message, asked: _Asked) -> str:
        hops: int = self._app.config[TRUSTED_PROXY_HOPS]
        return caller_at(BUCKET, believed_address(scope.get("client"), asked.forwarded_for, hops))


def _plain(headers: Sequence[tuple[bytes, bytes]]) -> _Asked | None:
    read: dict[bytes, str] = {}
    forwarded: list[str] = []
    for name, text in headers:
        if name in UNUSUAL:
            return None
        if name in READ:
            if name in read:
                return None
            read[name] = text.decode("latin1")
        elif name == FORWARDED:
            forwarded.append(text.decode("latin1"))
    if not _is_plain_host(read.get(b"host", "")):
        return None
    if len(read) == 1:
        return _Asked("", "", "", forwarded)
    return _Asked(
        read.get(b"x-request-id", ""), read.get(b"if-none-match", ""), read.get(b"origin", ""), forwarded
    )


@lru_cache(HOSTS_MAX)
def _is_plain_host(host: str) -> bool:
    return len(host) <= HOST_LENGTH_MAX and PLAIN_HOST.fullmatch(host) is not None
