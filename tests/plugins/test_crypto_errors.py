"""ccxt's errors, sorted by what is to be done about them."""

import ccxt
import pytest

from plugins.crypto_answers import Answer
from plugins.crypto_errors import translate
from utils.errors import (
    AppError,
    NotFound,
    UpstreamDown,
    UpstreamError,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ccxt.RateLimitExceeded("x"), 0, UpstreamLimited),
        (ccxt.DDoSProtection("x"), 0, UpstreamLimited),
        (ccxt.ExchangeError("x"), 429, UpstreamLimited),
        (ccxt.ExchangeNotAvailable("x"), 418, UpstreamLimited),
        (ccxt.RequestTimeout("x"), 0, UpstreamTimeout),
        (TimeoutError(), 0, UpstreamTimeout),
        (ccxt.ExchangeNotAvailable("x"), 451, UpstreamDown),
        (ccxt.ExchangeNotAvailable("x"), 503, UpstreamDown),
        (ccxt.OnMaintenance("x"), 200, UpstreamDown),
        (ccxt.NetworkError("x"), 0, UpstreamDown),
        (ConnectionResetError("x"), 0, UpstreamDown),
        (ccxt.ExchangeError("x"), 500, UpstreamDown),
        (ccxt.ExchangeError("x"), 200, UpstreamDown),
        (ccxt.AuthenticationError("x"), 401, UpstreamDown),
        (ccxt.BadSymbol("x"), 400, NotFound),
        (ccxt.NotSupported("x"), 0, NotFound),
        (ccxt.BadResponse("x"), 200, UpstreamGarbage),
        (ccxt.NullResponse("x"), 200, UpstreamGarbage),
        (KeyError("x"), 200, UpstreamGarbage),
        (TypeError("x"), 200, UpstreamGarbage),
    ],
)
def test_an_error_says_what_to_do(error: Exception, status: int, kind: type[AppError]) -> None:
    translated = translate(error, "Bitstamp", Answer(strict=True, status=status))
    assert type(translated) is kind
    assert translated.detail.startswith("Bitstamp ")
    assert translated.detail.count(".") == translated.detail.count(". ") + 1
    if isinstance(translated, UpstreamError):
        assert translated.retry_after_s


@pytest.mark.parametrize("kind", [ccxt.ExchangeError, ccxt.ExchangeNotAvailable, ccxt.NetworkError])
def test_a_failing_server_is_said_to_be_away_whatever_ccxt_makes_of_it(kind: type[Exception]) -> None:
    translated = translate(kind("x"), "Bitstamp", Answer(strict=True, status=503))
    assert translated.detail == "Bitstamp cannot be reached. Try again in a moment."


def every_error() -> list[type[Exception]]:
    named = (getattr(ccxt, name) for name in ccxt.errors.__all__)
    return [each for each in named if isinstance(each, type) and issubclass(each, Exception)]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_no_error_of_ccxt_is_left_over(kind: type[Exception]) -> None:
    assert isinstance(translate(kind("x"), "Bitstamp"), UpstreamError | NotFound)


def test_an_error_of_ours_passes_unchanged() -> None:
    error = UpstreamDown("Away. Come back.")
    assert translate(error, "Bitstamp") is error


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [(1, "1 second"), (7, "7 seconds"), (99, "99 seconds"), (120, "2 minutes"), (121, "3 minutes")],
)
def test_a_waiting_time_is_spoken_and_never_too_short(wait_s: int, words: str) -> None:
    answer = Answer(strict=True, status=429, headers={"retry-after": str(wait_s)})
    limited = translate(ccxt.RateLimitExceeded("x"), "Bitstamp", answer)
    assert limited.detail == f"Bitstamp asked us to wait. Try again in {words}."
    assert limited.retry_after_s == wait_s
