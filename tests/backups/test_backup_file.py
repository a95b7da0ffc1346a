"""The file of a backup: whole or not there, for its owner alone, refused when it is not as it was."""

import asyncio
import resource
import signal
import stat
import zipfile
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from app_extensions.database_copies import refuse_unknown_schema
from app_extensions.migrations import read_migrations
from services.backups.archive import BackupReader, read_backup, written_backup
from services.backups.manifest import AppliedMigration, BackupError, Manifest, TableCopy
from services.stores.table_copies import Digest, NextNumber, Table

TABLE = Table("bar", ("series_id", "open"))
CSV = b"series_id,open\n1,2.5\n" * 50
APPLIED = tuple(
    AppliedMigration(each.version, each.name, each.flavour, each.sha256) for each in read_migrations("plain")
)
MANIFEST = Manifest(
    1_795_000_000_000,
    APPLIED,
    (TableCopy(TABLE, Digest(50, "0f" * 16)),),
    (NextNumber("bar", "series_id", 2),),
)


async def write(path: Path, *, overwrite: bool = False) -> None:
    with written_backup(path, overwrite=overwrite) as writer:
        with writer.table(TABLE) as take:
            await take(CSV[:100])
            await take(CSV[100:])
        writer.manifest(MANIFEST)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    asyncio.run(write(tmp_path / "kept.zip"))
    return tmp_path / "kept.zip"


async def whole(reader: BackupReader) -> bytes:
    return b"".join([piece async for piece in reader.table(TABLE)])


def others(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each != path]


def test_what_was_written_is_read_and_any_program_can_open_it(file: Path) -> None:
    with read_backup(file) as reader:
        assert reader.manifest == MANIFEST
        assert asyncio.run(whole(reader)) == CSV
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["tables/bar.csv", "manifest.json"]
    assert not others(file)


def test_only_its_owner_may_read_it(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def refused(path: Path) -> str:
    with pytest.raises(BackupError) as refusal, read_backup(path):
        pytest.fail("it was opened")
    return str(refusal.value)


def test_a_change_of_any_bit_is_noticed(file: Path) -> None:
    text = file.read_bytes()
    for place in (2, len(text) - 1, *Random(2).sample(range(2, len(text)), 400)):
        changed = bytearray(text)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        assert "was cut short or changed" in refused(file), place


def test_a_file_that_was_cut_anywhere_is_noticed(file: Path) -> None:
    text = file.read_bytes()
    ends = (2, 3, 64, 65, len(text) - 65, len(text) - 64, len(text) - 1)
    for length in (*ends, *Random(1).sample(range(2, len(text)), 50)):
        file.write_bytes(text[:length])
        assert "was cut short or changed" in refused(file), length
    for strange in (b"", b"P", b"a text\n"):
        file.write_bytes(strange)
        assert "is no backup of this service" in refused(file)


def is_good(path: Path) -> bool:
    with read_backup(path) as reader:
        return reader.manifest == MANIFEST


def test_what_is_there_is_kept_unless_told(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(BackupError, match="is there already"):
        asyncio.run(write(file))
    assert file.read_bytes() == before
    file.write_text("something else")
    asyncio.run(write(file, overwrite=True))
    assert is_good(file)


async def interrupted(path: Path, fault: type[BaseException]) -> None:
    with written_backup(path, overwrite=True) as writer, writer.table(TABLE) as take:
        await take(CSV)
        raise fault


# What the database says while its rows are written, TimeoutError among it, is not said of the file.
@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, TimeoutError, ConnectionResetError])
def test_an_interrupted_backup_leaves_what_was_there(file: Path, fault: type[BaseException]) -> None:
    with pytest.raises(fault):
        asyncio.run(interrupted(file, fault))
    assert is_good(file)
    assert not others(file)


async def write_much(path: Path) -> None:
    with written_backup(path, overwrite=False) as writer, writer.table(TABLE) as take:
        await take(Random(1).randbytes(100_000))


def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    # As a full disk would: no file may grow over some kilobytes.
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, former[1]))
    try:
        with pytest.raises(BackupError, match="There is no room"):
            asyncio.run(write_much(tmp_path / "b.zip"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())


def test_paths_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.zip")
    with (
        pytest.raises(BackupError, match="cannot be used"),
        written_backup(tmp_path / "no" / "b.zip", overwrite=False),
    ):
        pytest.fail("it was opened")


def test_a_backup_of_a_schema_that_is_not_known_is_refused() -> None:
    refuse_unknown_schema(MANIFEST)
    refuse_unknown_schema(replace(MANIFEST, migrations=APPLIED[:5]))
    newer = AppliedMigration(9_999, "later", None, "0" * 64)
    with pytest.raises(
        BackupError, match="has schema 9999, and this edition of the service knows none after"
    ):
        refuse_unknown_schema(replace(MANIFEST, migrations=(*APPLIED, newer)))
    with pytest.raises(BackupError, match="another migration 0001_market"):
        refuse_unknown_schema(replace(MANIFEST, migrations=(replace(APPLIED[0], sha256="0" * 64),)))


def test_a_backup_of_another_form_is_refused(tmp_path: Path) -> None:
    manifest = MANIFEST.to_json().replace(b'"form": 1', b'"form": 2')
    assert manifest != MANIFEST.to_json()

    class Later(Manifest):
        def to_json(self) -> bytes:
            return manifest

    with written_backup(tmp_path / "b.zip", overwrite=False) as writer:
        writer.manifest(Later(0, (), (), ()))
    assert "newer edition" in refused(tmp_path / "b.zip")
