"""Whoever counts the whole register does it for all workers (R50)."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
create table counted (
    what text primary key,
    number bigint,
    seconds double precision,
    at timestamptz not null
)
""",
    """
comment on table counted is
    'Counts of the whole register, and how long they took: null while somebody counts'
""",
)


def upgrade() -> None:
    """Add the table; nothing is counted yet."""
    for statement in _STATEMENTS:
        op.execute(statement)
