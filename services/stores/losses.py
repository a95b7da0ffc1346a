"""What asyncpg raises when the database refuses or is away: one list, for all who reckon with that."""

import asyncpg


class DatabaseSilent(TimeoutError):
    """Say that the database did not answer in the time that somebody could wait."""


# A server that is killed in the middle of an answer leaves asyncpg itself confused: the third of them.
DATABASE_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# OSError is also what asyncpg raises where nobody listens or answers; a TimeoutError is one.
DATABASE_AWAY = (*DATABASE_FAULTS, OSError)
# Of these, waiting mends none: the database is there, and what we were told about it is not right.
DATABASE_REFUSES = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)
