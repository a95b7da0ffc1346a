"""A certificate that no client would accept is refused before anything is started, in one sentence."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from app_extensions import certificate as certificate_module
from app_extensions.certificate import HTTP_1, Certificate, CertificateError, certificate_of
from tests.launcher.authority import DAY, Authority
from tests.launcher.conftest import Service
from tests.launcher.secure_line import trusting


def refusal(settings: dict[str, str]) -> str:
    with pytest.raises(CertificateError) as refused:
        Certificate(settings["CERTFILE"], settings["KEYFILE"], HTTP_1).check()
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert "/" not in sentence.replace("CERTFILE/KEYFILE", "")
    return sentence


def test_a_good_pair_is_accepted(authority: Authority) -> None:
    settings = authority.issue()
    certificate = certificate_of(settings["CERTFILE"], settings["KEYFILE"], "hypercorn")
    assert certificate is not None
    certificate.check()
    assert certificate_of("", "", "hypercorn") is None


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (-2 * DAY, -dt.timedelta(seconds=5), "CERTFILE server.pem has expired"),
        (DAY, 2 * DAY, "CERTFILE server.pem is not valid yet"),
    ],
    ids=["expired", "not yet"],
)
def test_a_certificate_out_of_its_time_is_refused(
    authority: Authority, since: dt.timedelta, until: dt.timedelta, words: str
) -> None:
    assert refusal(authority.issue(since=since, until=until)).startswith(words)


def test_a_certificate_for_something_else_is_refused(authority: Authority) -> None:
    settings = authority.issue(purpose=ExtendedKeyUsageOID.EMAIL_PROTECTION)
    assert refusal(settings).startswith("CERTFILE server.pem would be refused by every client (")


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    mixed = authority.issue("one") | {"KEYFILE": authority.issue("two")["KEYFILE"]}
    assert (
        refusal(mixed) == "KEYFILE two.key and CERTFILE one.pem do not belong together: set both to one pair."
    )


def test_a_locked_key_is_refused_and_nobody_is_asked_for_its_password(authority: Authority) -> None:
    assert refusal(authority.issue(password=b"a word")).startswith("KEYFILE server.key is locked")


@pytest.mark.parametrize("name", ["CERTFILE", "KEYFILE"])
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"", "holds no"),
        (b"-----BEGIN CERTIFICATE-----\nPRIVATE KEY-----\n", "cannot be used"),
    ],
    ids=["missing", "empty", "torn"],
)
def test_a_file_that_is_no_half_of_a_pair_is_refused(
    authority: Authority, tmp_path: Path, name: str, made: bytes | None, words: str
) -> None:
    path = tmp_path / "deep" / "half.pem"
    path.parent.mkdir()
    if made is not None:
        path.write_bytes(made)
    sentence = refusal(authority.issue() | {name: str(path)})
    assert f"{name} half.pem" in sentence
    assert words in sentence


def replace(old: str, new: str | None) -> None:
    if new:
        Path(new).replace(old)
    else:
        Path(old).unlink()


async def test_half_of_a_renewed_pair_is_not_shown(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = authority.issue("first")
    certificate = Certificate(settings["CERTFILE"], settings["KEYFILE"], HTTP_1)
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context()
    )
    monkeypatch.setattr(certificate_module, "LOOK_EVERY_S", 0.0)

    async def shown() -> str:
        _, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=trusting(authority.trusted), server_hostname="localhost"
        )
        subject = dict(pair for (pair,) in writer.get_extra_info("peercert")["subject"])
        writer.close()
        await writer.wait_closed()
        return str(subject["commonName"])

    async with server:
        assert await shown() == "first"
        renewed = authority.issue("second")
        replace(settings["CERTFILE"], renewed["CERTFILE"])
        assert await shown() == "first"
        assert "do not belong together" in str(caplog.records[-1].reason)  # type: ignore[attr-defined]
        replace(settings["KEYFILE"], renewed["KEYFILE"])
        assert await shown() == "second"
        replace(settings["KEYFILE"], None)
        assert await shown() == "second"


def test_the_launcher_says_so_before_it_starts_anything(
    launch: Callable[..., Service], authority: Authority, tmp_path: Path
) -> None:
    service = launch(wait=False, **authority.issue(until=-dt.timedelta(seconds=5)))
    assert service.exit_code() == 2
    assert service.complained == (
        "The service does not start, because its settings are not right.\n"
        "CERTFILE server.pem has expired: renew it.\n"
    )
    assert not (tmp_path / "var" / "postgres").exists()
