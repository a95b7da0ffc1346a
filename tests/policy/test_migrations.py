"""Code of the version before goes on serving while and after a migration: what may be in one.

The rule is in docs/operations.md, "Migrations that old and new code survive together"; the proof on a running
service is tests/backups/test_old_code.py.
"""

import re
from dataclasses import dataclass

import pytest

from app_extensions.migrations import SQL_DIR, Migration, read_migrations
from tests.policy.sql_statements import statements

CONSTANT = r"(?:'(?:[^']|'')*'(?:::\w+)?|-?\d+(?:\.\d+)?|TRUE|FALSE|NULL)"
# A column that may be empty, or one whose default needs no look at the rows that are there.
TYPE = (
    r"(?:smallint|integer|bigint|numeric|double precision|boolean|text|bytea|uuid|jsonb|date|timestamptz"
    r"|int8multirange)"
)
COLUMN = rf"\w+ {TYPE}(?:\[\])?(?: COLLATE \"C\")?(?: NULL| NOT NULL DEFAULT {CONSTANT}| DEFAULT {CONSTANT})?"

# Kinds of statements that old code does not notice; (?P<table>) has to be new in the same migration.
HARMLESS = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"CREATE TABLE IF NOT EXISTS [\w.]+ \(.*\)",
        r"CREATE SCHEMA IF NOT EXISTS \w+",
        r"DO \$\$ BEGIN CREATE TYPE [\w.]+ AS ENUM \([^;]*\); EXCEPTION WHEN \w+ THEN NULL; END \$\$",
        r"CREATE OR REPLACE VIEW \w+ AS .*",
        r"CREATE MATERIALIZED VIEW IF NOT EXISTS \w+ WITH .* WITH NO DATA",
        r"CREATE OR REPLACE FUNCTION .*",
        r"CREATE OR REPLACE TRIGGER \w+ .* ON (?P<table>[\w.]+) .*",
        r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS \w+ ON (?P<table>[\w.]+) .*",
        # One that was interrupted is left half made, and would be taken for a whole one.
        r"DROP INDEX CONCURRENTLY IF EXISTS (?P<index>\w+)",
        # Hypertables have no such indexes; theirs are made chunk by chunk.
        r"CREATE INDEX CONCURRENTLY \w+ ON (?!bar\b|coin_price\b)[\w.]+ .*",
        r"CREATE INDEX IF NOT EXISTS \w+ ON \w+ .* WITH \(timescaledb\.transaction_per_chunk\)",
        rf"ALTER TABLE [\w.]+ ADD COLUMN IF NOT EXISTS {COLUMN}",
        r"SELECT create_hypertable\( ?'(?P<table>\w+)', .* if_not_exists => TRUE, .*\)",
        r"ALTER TABLE (?P<table>\w+) SET \( timescaledb\..*\)",
        r"SELECT add_(?:compression|continuous_aggregate)_policy\(.* if_not_exists => TRUE ?\)",
    )
]
BEFORE = "Written before the first release: no older code has ever run on that schema."
# The migration, what its statement begins with, and why it may be there.
EXEMPT = [
    (3, "SELECT create_hypertable('bar',", BEFORE),
    (3, "ALTER TABLE bar SET ( timescaledb.", BEFORE),
    (5, "CREATE INDEX IF NOT EXISTS session_created_at ON session", BEFORE),
    (8, "ALTER TABLE job_run DROP CONSTRAINT", BEFORE),
    (8, "DO $$ BEGIN IF EXISTS ( SELECT FROM information_schema.columns", BEFORE),
    (8, "ALTER TABLE job_run ALTER COLUMN", BEFORE),
    (8, "ALTER TABLE job_run ADD CONSTRAINT", BEFORE),
    (8, "CREATE UNIQUE INDEX IF NOT EXISTS job_run_", BEFORE),
    (8, "CREATE INDEX IF NOT EXISTS job_run_", BEFORE),
    (9, "SELECT create_hypertable( 'coin_price',", BEFORE),
    (9, "ALTER TABLE coin_price SET ( timescaledb.", BEFORE),
    (9, "CREATE INDEX IF NOT EXISTS coin_price_time ON coin_price", BEFORE),
]


@dataclass(frozen=True)
class Fault:
    version: int
    statement: str


def is_harmless(statement: str, new_tables: tuple[str, ...]) -> bool:
    # Old code deletes rows without knowing who refers to them.
    if len(re.findall(r" REFERENCES ", statement)) > len(re.findall(r" ON DELETE ", statement)):
        return False
    for kind in HARMLESS:
        match = kind.fullmatch(statement)
        if match and match.groupdict().get("table", next(iter(new_tables), "")) in ("", *new_tables):
            return True
    return False


def are_made_anew(migration: Migration) -> bool:
    """Tell whether just those indexes are dropped, each before it is made, that are made beside writers."""
    text = " ".join(statements(migration.text))
    made = re.findall(r"CREATE INDEX CONCURRENTLY (\w+)", text)
    return made == re.findall(r"DROP INDEX CONCURRENTLY IF EXISTS (\w+) (?=CREATE)", text) and len(made) == (
        text.count("DROP INDEX")
    )


def faults(migration: Migration) -> list[Fault]:
    """Return what old code may notice of a migration; the first one has no older code."""
    if migration.version == 1:
        return []
    return [
        Fault(migration.version, statement)
        for statement in statements(migration.text)
        if not is_harmless(statement, migration.tables)
        or ("INDEX CONCURRENTLY" in statement and not are_made_anew(migration))
    ]


def is_exempt(fault: Fault) -> bool:
    return any(fault.version == version and fault.statement.startswith(begin) for version, begin, _ in EXEMPT)


ALL = {
    (each.version, each.flavour): each
    for flavour in ("plain", "timescale")
    for each in read_migrations(flavour)
}
FOUND = [fault for migration in ALL.values() for fault in faults(migration)]


def test_old_code_survives_every_migration() -> None:
    assert not [fault for fault in FOUND if not is_exempt(fault)]


def test_every_exemption_is_needed_and_none_is_newer_than_the_first_release() -> None:
    for version, begin, _ in EXEMPT:
        assert any(fault.version == version and fault.statement.startswith(begin) for fault in FOUND), begin
    assert max(version for version, _, reason in EXEMPT if reason == BEFORE) <= 9


def test_every_statement_of_every_file_is_seen() -> None:
    for migration in ALL.values():
        said = list(statements(migration.text))
        assert said
        begun = {line.split()[0] for line in said}
        assert begun <= {"CREATE", "ALTER", "DO", "SELECT", "DROP"}, migration.name
    assert len(list((SQL_DIR).glob("[0-9]*.sql"))) == len(ALL)


@pytest.mark.parametrize(
    "text",
    [
        "DROP TABLE coin",
        "DROP INDEX coin_rank",
        "DROP VIEW bar_daily",
        "ALTER TABLE coin RENAME COLUMN rank TO place",
        "ALTER TABLE coin RENAME TO coins",
        "ALTER TABLE coin DROP COLUMN rank",
        "ALTER TABLE coin ALTER COLUMN rank SET NOT NULL",
        "ALTER TABLE coin ALTER COLUMN rank TYPE bigint",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer NOT NULL",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer NOT NULL DEFAULT nextval('places')",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer, DROP COLUMN rank",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer UNIQUE",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer NULL CHECK (place > 0)",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer REFERENCES series",
        "ALTER TABLE coin ADD COLUMN place integer",
        "ALTER TABLE coin ADD CONSTRAINT coin_ranked CHECK (rank > 0)",
        "ALTER TABLE coin ADD UNIQUE (rank)",
        "ALTER TYPE bar_state ADD VALUE 'doubtful'",
        "DROP INDEX CONCURRENTLY IF EXISTS coin_rank",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS coin_place ON coin (rank)",
        "CREATE INDEX CONCURRENTLY coin_place ON coin (rank)",
        "DROP INDEX CONCURRENTLY IF EXISTS p;\nCREATE INDEX CONCURRENTLY p ON bar (open)",
        "CREATE INDEX IF NOT EXISTS coin_rank ON coin (rank)",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS coin_rank ON coin (rank)",
        "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON coin FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE coin_2 (LIKE coin)",
        "CREATE TABLE IF NOT EXISTS wish (user_id bigint NOT NULL REFERENCES app_user, a text)",
        "UPDATE coin SET rank = 1",
        "DELETE FROM coin",
        "TRUNCATE coin",
        "INSERT INTO coin_sync (provider) VALUES ('x')",
        "DO $$ BEGIN DROP TABLE coin; END $$",
        "LOCK TABLE coin",
        "SELECT create_hypertable('coin', by_range('at'), if_not_exists => TRUE, migrate_data => TRUE)",
        "CREATE TABLE IF NOT EXISTS b (c integer); -- ;\nDROP TABLE coin",
    ],
)
def test_what_old_code_would_notice_is_found(text: str) -> None:
    assert faults(Migration(10, "next", None, text))


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE IF NOT EXISTS wish (a bigint REFERENCES app_user ON DELETE CASCADE);",
        "CREATE TABLE IF NOT EXISTS wish (a text);\nCREATE UNIQUE INDEX IF NOT EXISTS wish_a ON wish (a);",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place integer;",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS place double precision NULL; -- why; what",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS said text COLLATE \"C\" NOT NULL DEFAULT 'a; ''b''';",
        "ALTER TABLE coin ADD COLUMN IF NOT EXISTS more jsonb NOT NULL DEFAULT '{}';",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS p;\nCREATE INDEX CONCURRENTLY p ON coin (a)",
        "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS $$ SELECT 1; $$;",
    ],
)
def test_what_old_code_does_not_notice_is_allowed(text: str) -> None:
    assert not faults(Migration(10, "next", None, text))


def test_an_index_that_is_made_beside_writers_is_made_outside_of_a_transaction() -> None:
    for migration in ALL.values():
        assert migration.in_pieces or "CONCURRENTLY" not in migration.text
