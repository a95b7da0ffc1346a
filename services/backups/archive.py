"""The file of a backup: a ZIP archive with a manifest and a CSV file a table, sealed with a checksum.

The seal is the last thing in the file: ``sha256 `` and 64 digits over every byte before them. It stands where
a ZIP archive has its comment, so that any program can open the file.
"""

import contextlib
import errno
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from services.backups.manifest import BackupError, Manifest, read_manifest
from services.stores.table_copies import Pieces, Sink, Table

MANIFEST = "manifest.json"
SEAL = b"sha256 "
DIGITS = 64
PIECE_BYTES = 256 * 1024
# Twice as fast as the usual 6, for a tenth more bytes.
COMPRESSION = 3


class BackupWriter:
    """Put tables into an archive, and the manifest last."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path

    @contextlib.contextmanager
    def table(self, table: Table) -> Iterator[Sink]:
        """Yield what takes the CSV of a table, a piece at a time."""
        with _told_of_file(self._path):
            file = self._archive.open(_place_of(table), "w", force_zip64=True)

        async def take(piece: bytes) -> None:
            with _told_of_file(self._path):
                file.write(piece)

        try:
            # Whoever fills it has failures of their own, which are none of the file's.
            yield take
        finally:
            with _told_of_file(self._path):
                file.close()

    def manifest(self, manifest: Manifest) -> None:
        """Put the manifest into the archive."""
        with _told_of_file(self._path):
            self._archive.writestr(MANIFEST, manifest.to_json())


class BackupReader:
    """Read an archive that was found whole."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.manifest = read_manifest(archive.read(MANIFEST))

    async def table(self, table: Table) -> Pieces:
        """Yield the CSV of a table, a piece at a time."""
        with self._archive.open(_place_of(table)) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


@contextlib.contextmanager
def written_backup(path: Path, *, overwrite: bool) -> Iterator[BackupWriter]:
    """Write an archive aside, and give it its name once it is whole and on the disk.

    Only its owner may read it. Raises: BackupError.
    """
    with _told_of_file(path):
        _refuse_taken(path, overwrite=overwrite)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    aside, file = Path(name), os.fdopen(descriptor, "w+b")
    archive = zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
    archive.comment = SEAL + b"0" * DIGITS
    try:
        yield BackupWriter(archive, path)
        with _told_of_file(path):
            archive.close()
            _seal(file)
            _refuse_taken(path, overwrite=overwrite)
            aside.replace(path)
            _sync_directory(path.parent)
    finally:
        # A whole archive is on the disk by now; of another one nothing has to be closed well.
        for opened in (archive, file):
            with contextlib.suppress(OSError):
                opened.close()
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def read_backup(path: Path) -> Iterator[BackupReader]:
    """Open an archive after every byte of it was checked.

    Raises: BackupError when it is none, or was cut or changed.
    """
    with contextlib.ExitStack() as stack:
        with _told_of_file(path):
            file = stack.enter_context(path.open("rb"))
            _check_seal(file, path)
            archive = stack.enter_context(zipfile.ZipFile(file))
        yield BackupReader(archive)


def _place_of(table: Table) -> str:
    return f"tables/{table.name}.csv"


def _seal(file: IO[bytes]) -> None:
    end = file.seek(-DIGITS, os.SEEK_END)
    digits = _digest(file, end)
    file.seek(end)
    file.write(digits)
    file.flush()
    os.fsync(file.fileno())


def _check_seal(file: IO[bytes], path: Path) -> None:
    end = max(file.seek(0, os.SEEK_END) - DIGITS, 0)
    file.seek(0)
    if file.read(2) != b"PK":
        raise BackupError(f"{path} is no backup of this service. Name a file that quart backup wrote.")
    digits = _digest(file, end)
    if file.read() != digits:
        raise BackupError(
            f"{path} was cut short or changed after it was written. "
            "Take another copy of it, or an older backup."
        )
    file.seek(0)


def _digest(file: IO[bytes], end: int) -> bytes:
    file.seek(0)
    digest = hashlib.sha256()
    left = end
    while left and (piece := file.read(min(left, PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _refuse_taken(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise BackupError(f"{path} is there already. Choose another name, or add --overwrite.")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told_of_file(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise BackupError(f"There is no room for {path}. Free some, then try again.") from error
        raise BackupError(f"{path} cannot be used: {error.strerror}. Check the path.") from error
