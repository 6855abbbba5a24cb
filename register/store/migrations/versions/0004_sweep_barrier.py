"""A sweep waits for the batches that were under way when it was started (R33, R34)."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "alter table sweep add column waits_for text[]",
    """
comment on column sweep.waits_for is
    'Transactions that may have decided somebody by what was true before; null: not looked yet'
""",
)


def upgrade() -> None:
    """Add the column; a sweep under way looks once more."""
    for statement in _STATEMENTS:
        op.execute(statement)
