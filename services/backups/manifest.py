"""What a backup says of itself, and why one cannot be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.stores.table_copies import Digest, NextNumber, Table
from utils.json_codec import decode_json, encode_json_lines

FORM = 1


class BackupError(Exception):
    """Say in one sentence why a database was not copied, then what to do."""


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """One migration that the database had; where flavours differ, so do their checksums."""

    version: int
    name: str
    flavour: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One table of a backup, and what it held."""

    table: Table
    digest: Digest


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: ``tables`` in an order in which they can be filled."""

    made_at_ms: int
    migrations: tuple[AppliedMigration, ...]
    tables: tuple[TableCopy, ...]
    next_numbers: tuple[NextNumber, ...]

    @property
    def version(self) -> int:
        """Return the number of the newest migration."""
        return max((migration.version for migration in self.migrations), default=0)

    @property
    def rows(self) -> int:
        """Return how many rows all tables have together."""
        return sum(copy.digest.rows for copy in self.tables)

    def to_json(self) -> bytes:
        """Return the text that stands in the backup."""
        return encode_json_lines({"form": FORM, "manifest": self}).encode()


def read_manifest(text: bytes) -> Manifest:
    """Read what ``to_json`` wrote.

    Raises: BackupError when another edition of the program wrote it.
    """
    whole = decode_json(text)
    if whole.get("form") != FORM:
        raise BackupError(
            "The backup was made by a newer edition of this service. Restore it with that edition, "
            "or with a newer one."
        )
    found = whole["manifest"]
    return Manifest(
        found["made_at_ms"],
        tuple(AppliedMigration(**each) for each in found["migrations"]),
        tuple(_read_copy(each) for each in found["tables"]),
        tuple(NextNumber(**each) for each in found["next_numbers"]),
    )


def _read_copy(found: dict[str, Any]) -> TableCopy:
    table = Table(found["table"]["name"], tuple(found["table"]["columns"]))
    return TableCopy(table, Digest(**found["digest"]))


def refuse_unfit(manifest: Manifest, known: Sequence[AppliedMigration]) -> None:
    """Refuse a backup whose schema this edition of the program does not know.

    Raises: BackupError.
    """
    newest = max(migration.version for migration in known)
    if manifest.version > newest:
        raise BackupError(
            f"The backup has schema {manifest.version}, and this edition of the service knows none after "
            f"{newest}. Restore it with the edition that made it, or with a newer one."
        )
    ours = {(each.version, each.name, each.flavour): each.sha256 for each in known}
    for migration in manifest.migrations:
        if ours.get((migration.version, migration.name, migration.flavour)) != migration.sha256:
            raise BackupError(
                f"The backup has had another migration {migration.version:04d}_{migration.name} than that "
                "of this edition. Restore it with the edition that made it."
            )
