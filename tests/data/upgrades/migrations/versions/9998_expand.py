"""What a next version may do beside workers of this one: columns and a table more."""

from alembic import op

from register.store.schema import NEEDED

revision = "9998"
down_revision = NEEDED
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add, and take nothing away."""
    op.execute("alter table customer add column preferred_hour integer")
    op.execute("alter table fact add column origin text not null default ''")
    op.execute("create table contact_time (person_id uuid primary key, hour integer not null)")
