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
    # Told that the connection ends, and asked something before it has ended.
    asyncpg.InternalClientError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
    TimeoutError,
    OSError,
)
"""Errors of an outage: the same batch is tried again until the database is back."""

LOCKED = asyncpg.LockNotAvailableError
"""Waited for somebody's lock for as long as `by_key` allows: it goes with whoever holds it."""

CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, LOCKED)
"""Errors of two transactions in each other's way: the same batch is tried again at once."""

COMMAND_TIMEOUT_S = 30.0
"""What a statement may take; after that the connection is given up, as in an outage."""
LONG_TIMEOUT_S = 300.0
"""What a look at the whole register may take: about 3 s per million customers."""


# A worker that stands still in a transaction must not keep its locks from the one that has taken
# over its partitions: neither while the server waits for its next statement, nor while the server
# waits for it to take a result (milliseconds; of TCP, and of no effect elsewhere).
_SETTINGS = {
    "idle_in_transaction_session_timeout": "10s",
    "tcp_user_timeout": "10000",
    # Who looks at the whole register, to count, does so beside batches: it may take its time, and
    # not every processor. A join of a million customers took thrice the work in parallel, since
    # each process grouped and hashed all of it.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
# A prepared statement may keep for long the plan that it got while its table was nearly empty:
# planning anew costs less than one such plan on a full table. (Of one without parameters the plan
# is kept all the same: the query `forget_plans` drops it.)
_PLANNED_ANEW = {"plan_cache_mode": "force_custom_plan"}
# Until a table was analyzed, the planner takes a few hundred keys for half of it, and reads or
# hashes all of it instead of looking them up. With nothing left but looking up, a plan that was
# made on empty tables is right for full ones too, and needs to be made once. The query `plan_anew`
# takes that back for a transaction.
_LOOKED_UP = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# Told before `command_timeout` ends the connection: that somebody holds a lock is no outage.
_WAITING = {"lock_timeout": "20s"}


async def connect(
    url: str, name: str, *, silent_for: str | None = None, by_key: bool = False
) -> Connection:
    """Open one connection; `name` shows in pg_stat_activity.

    `by_key` is for who looks rows up by their keys, whatever the register's size, and shares them
    with others, as a batch does.
    With `silent_for` the server ends the connection after so long without a statement: what
    leads by a lock that it holds must not lead on while its process stands still.
    """
    plans = {**_LOOKED_UP, **_WAITING} if by_key else _PLANNED_ANEW
    settings = {"application_name": name, **_SETTINGS, **plans}
    if silent_for is not None:
        settings["idle_session_timeout"] = silent_for
    connection: Connection = await asyncpg.connect(
        url,
        server_settings=settings,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=10,
    )
    await prepare(connection)
    return connection


async def prepare(connection: Connection) -> None:
    """Set the JSON codec: jsonb in and out as plain Python values.

    In the binary format: one byte of version before the text.
    """
    await connection.set_type_codec(
        "jsonb", encoder=_encode, decoder=_decode, schema="pg_catalog", format="binary"
    )


def _encode(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)


def _decode(data: bytes) -> Any:
    return orjson.loads(data[1:])
