"""What people do with dead letters: looked at, put back, discarded; by whom and why."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = """
create table dead_letter_action (
    action_id bigint generated always as identity primary key,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    action text not null check (action in ('revealed', 'retrying', 'retried', 'discarded')),
    operator text not null,
    because text,
    put_at bigint,
    at timestamptz not null default clock_timestamp()
);
create index dead_letter_action_letter on dead_letter_action (topic, partition, "offset");
comment on table dead_letter_action is
    'The audit of dead letters, only ever added to; put_at is the offset of what was put back';

create index dead_letter_created on dead_letter (created);

create view dead_letter_now as
select l.topic, l.partition, l."offset", l.reason, l.created, coalesce(a.action, 'open') as state
from dead_letter l
left join lateral (
    select action from dead_letter_action
    where topic = l.topic and partition = l.partition and "offset" = l."offset"
      and action in ('retried', 'discarded') and at >= l.created
    order by action_id desc limit 1
) a on true;
comment on view dead_letter_now is
    'Dead letters with what became of them last'
"""


def upgrade() -> None:
    """Add the audit beside the letters."""
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
