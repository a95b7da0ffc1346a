"""The secret that signs: what production asks of it, and the one that development makes and keeps."""

import contextlib
import errno
import os
import secrets
from pathlib import Path

SECRET_BYTES_MIN = 32
EXAMPLE_SECRETS = ("change-me", "changeme", "secret", "example", "your-secret", "development", "password")
# What a file system says that has no hard links.
WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


def secret_problems(secret: str, previous: str) -> list[str]:
    """Return what is unsafe about a secret and the one before it, a sentence each."""
    problems = []
    if not secret:
        problems.append("SECRET_KEY is missing: set a random text of at least 32 bytes.")
    elif len(secret.encode()) < SECRET_BYTES_MIN:
        problems.append(f"SECRET_KEY is too short: it needs at least {SECRET_BYTES_MIN} bytes.")
    elif any(word in secret.casefold() for word in EXAMPLE_SECRETS) or len(set(secret)) < 8:
        problems.append("SECRET_KEY looks like an example: set a random text of at least 32 bytes.")
    if previous and len(previous.encode()) < SECRET_BYTES_MIN:
        problems.append(f"SECRET_KEY_PREVIOUS is too short: it needs at least {SECRET_BYTES_MIN} bytes.")
    if previous and previous == secret:
        problems.append("SECRET_KEY_PREVIOUS is the same as SECRET_KEY: leave it empty.")
    return problems


def kept_secret(var_dir: Path) -> str:
    """Return the secret kept in a folder; the first call makes it, readable by its owner alone.

    Raises: OSError when the folder cannot be used.
    """
    path = var_dir / "secret_key"
    var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _make_secret(path)
    return path.read_text().strip()


def _make_secret(path: Path) -> None:
    # Written aside and linked, so that a second process never reads a half-written secret.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    secret = secrets.token_urlsafe(48)
    try:
        _write(draft, secret, os.O_TRUNC)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(draft, path)
            except OSError as error:
                if error.errno not in WITHOUT_LINKS:
                    raise
                _write(path, secret, os.O_EXCL)
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, text: str, flag: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
