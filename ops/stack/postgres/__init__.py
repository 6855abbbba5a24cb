"""The local PostgreSQL: the machine's own server programs, private data and passwords."""

from ops.stack.postgres.server import SETTINGS, Postgres

__all__ = ["SETTINGS", "Postgres"]
