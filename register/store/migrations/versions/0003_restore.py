"""A restored database holds its output back until what is newer is taken in (R66)."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Another one after every recovery to the end or to a moment, after every promotion of a
    # standby, and where a dump was loaded into another server.
    """
create function cluster_now() returns text language sql stable as $$
    select system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
    from pg_control_system()
$$
""",
    """
create table output_hold (
    only_row boolean primary key default true check (only_row),
    cluster text not null,
    asked boolean not null default false,
    gaps_accepted boolean not null default false
)
""",
    """
comment on table output_hold is
    'Where output was last written: elsewhere, or if asked, it waits for the replay (R66)'
""",
    "insert into output_hold (cluster) values (cluster_now())",
    """
create table replay_target (
    topic text not null,
    partition integer not null,
    end_offset bigint not null,
    gone boolean not null,
    primary key (topic, partition)
)
""",
    """
comment on table replay_target is
    'How far the inbound topics went at the restore; gone: records that were not taken in are'
    ' no longer there'
""",
)


def upgrade() -> None:
    """Add the hold, which nothing asks for yet."""
    for statement in _STATEMENTS:
        op.execute(statement)
