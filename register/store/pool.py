"""Connections to PostgreSQL, with the codecs that every statement relies on."""

from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

LOST_CONNECTION = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    ConnectionError,
    TimeoutError,
    OSError,
)
"""Errors of an outage: the same batch is tried again until the database is back."""

CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Errors of two batches in each other's way: the same batch is tried again at once."""


# A prepared statement may keep for long the plan that it got while its table was nearly empty:
# planning anew for each batch costs less than one such plan on a full table.
_SETTINGS = {"plan_cache_mode": "force_custom_plan"}


async def connect(url: str, name: str) -> Connection:
    """Open one connection; `name` shows in pg_stat_activity."""
    connection: Connection = await asyncpg.connect(
        url,
        server_settings={"application_name": name, **_SETTINGS},
        command_timeout=30,
        timeout=10,
    )
    await prepare(connection)
    return connection


async def prepare(connection: Connection) -> None:
    """Set the JSON codec: jsonb in and out as plain Python values.

    In the binary format, which COPY needs: one byte of version before the text.
    """
    await connection.set_type_codec(
        "jsonb", encoder=_encode, decoder=_decode, schema="pg_catalog", format="binary"
    )


def _encode(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)


def _decode(data: bytes) -> Any:
    return orjson.loads(data[1:])
