"""The certificate the service shows over TLS: checked before it is shown, and looked for anew while serving.

A renewed certificate needs no restart and no signal: the files are looked at when somebody connects.
"""

import contextlib
import logging
import ssl
import time
from pathlib import Path

HTTP_1 = ("http/1.1",)
HTTP_2 = ("h2", "http/1.1")
# For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
LOOK_EVERY_S = 1.0
HANDSHAKE_TIMEOUT_S = 5.0

# What OpenSSL calls the reasons a client would refuse a certificate for.
NOT_YET_VALID = 9
EXPIRED = 10

log = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """Say in one sentence what is wrong with CERTFILE or KEYFILE; never with more of a path than its end."""


class _Locked(Exception):
    """Say that a private key asks for a password."""


class Certificate:
    """Hold the two files, and the newest pair of them that was whole."""

    def __init__(self, certfile: str, keyfile: str, protocols: tuple[str, ...]) -> None:
        self._certfile = Path(certfile)
        self._keyfile = Path(keyfile)
        self._protocols = protocols
        self._seen = self._stamp()
        self._looked = time.monotonic()
        self._newest = self._load()

    def context(self) -> ssl.SSLContext:
        """Return what a server listens with; each connection is shown the newest certificate."""
        listening = self._load()
        listening.sni_callback = self._show_newest
        return listening

    def check(self) -> None:
        """Try the certificate as a client would. Raises: CertificateError where none would accept it."""
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        # The certificate itself is trusted, whoever made it; left to judge are its time and its purpose.
        trusting.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        trusting.load_verify_locations(self._certfile)
        try:
            _shake_hands(self._newest, trusting)
        except ssl.SSLCertVerificationError as error:
            reason = {
                NOT_YET_VALID: "is not valid yet: check the clock of this machine",
                EXPIRED: "has expired: renew it",
            }.get(error.verify_code, f"would be refused by every client ({error.verify_message})")
            raise CertificateError(f"CERTFILE {self._certfile.name} {reason}.") from None
        except ssl.SSLError as error:
            raise CertificateError(
                f"CERTFILE {self._certfile.name} would be refused by every client ({error.reason})."
            ) from None

    def _show_newest(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        self._look_again()
        connection.context = self._newest

    def _look_again(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            self._newest = self._load()
        except CertificateError as error:
            # The two files cannot be replaced at once: what does not fit now may fit in a second.
            log.warning(
                "renewed certificate not usable; showing the one before", extra={"reason": str(error)}
            )
            return
        self._seen = stamp
        log.info("showing a renewed certificate")

    def _stamp(self) -> _Stamp:
        found = []
        for path in (self._certfile, self._keyfile):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)

    def _load(self) -> ssl.SSLContext:
        _read_pem("CERTFILE", self._certfile, b"-----BEGIN CERTIFICATE-----", "certificate")
        _read_pem("KEYFILE", self._keyfile, b"PRIVATE KEY-----", "private key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(list(self._protocols))
        names = f"KEYFILE {self._keyfile.name} and CERTFILE {self._certfile.name}"
        try:
            # Without a password of ours, OpenSSL would ask for one at the terminal and wait.
            context.load_cert_chain(self._certfile, self._keyfile, password=_refuse_password)
        except _Locked:
            raise CertificateError(
                f"KEYFILE {self._keyfile.name} is locked with a password: keep it without one, readable by "
                "this user alone."
            ) from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise CertificateError(f"{names} do not belong together: set both to one pair.") from None
            raise CertificateError(f"{names} cannot be used ({error.reason}): make the pair anew.") from None
        return context


def certificate_of(certfile: str, keyfile: str, server: str) -> Certificate | None:
    """Return the certificate that the settings name; None where they name none.

    Raises: CertificateError.
    """
    if not certfile:
        return None
    return Certificate(certfile, keyfile, HTTP_2 if server == "hypercorn" else HTTP_1)


def _read_pem(setting: str, path: Path, mark: bytes, thing: str) -> None:
    try:
        text = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "it is not there").lower()
        raise CertificateError(f"{setting} {path.name} cannot be read: {reason}.") from None
    if mark not in text:
        raise CertificateError(f"{setting} {path.name} holds no {thing}: it must be a PEM file with one.")


def _refuse_password() -> str:
    raise _Locked


def _shake_hands(shown: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = shown.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    # Two messages of each side are enough; what one waits for, the other writes in its turn.
    for side in (client, server) * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
