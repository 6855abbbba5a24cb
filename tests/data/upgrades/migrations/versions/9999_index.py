"""An index on a big table, built while workers write."""

from register.store.migrations.online import build_index

revision = "9999"
down_revision = "9998"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without a transaction."""
    build_index("fact_type", "fact (type)")
