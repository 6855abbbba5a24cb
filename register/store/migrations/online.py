"""For migrations: what takes long on a big table, done so that nobody waits for it."""

from alembic import op


def build_index(name: str, on: str) -> None:
    """Build an index while workers write: `build_index("fact_type", "fact (type)")`.

    In a migration of its own, since it cannot be part of a transaction; tried again, it removes
    what it left half built. It waits for transactions that are under way, and nobody for it:
    so it has all the time it wants.
    """
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute(f"drop index concurrently if exists {name}")
        op.execute(f"create index concurrently {name} on {on}")
        op.execute("reset lock_timeout")
