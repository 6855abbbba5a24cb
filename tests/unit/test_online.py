"""Migrations run while workers do: each is looked at before it is ever run."""

from pathlib import Path

import pytest

from register.store.schema import NEEDED, VERSIONS
from tests.support.online import dangers, statements_of

FILES = sorted(VERSIONS.glob("[0-9]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_migration_holds_nobody_up(path: Path) -> None:
    assert dangers(path) == []


def test_revisions_are_numbered_one_after_the_other() -> None:
    """A worker tells by the number alone whether a database is ahead."""
    before = None
    for path in FILES:
        module, _ = statements_of(path)
        assert module.revision == path.name[:4]
        assert module.down_revision == before
        before = module.revision
    assert before == NEEDED


@pytest.mark.parametrize(
    "statement",
    [
        "create index fact_type on fact (type)",
        "create unique index customer_email on customer (exact_email)",
        "alter table fact alter column body type text",
        "alter table fact add column n bigint generated always as identity",
        "alter table fact add column at timestamptz default clock_timestamp()",
        "alter table fact add column kind text not null",
        "alter table customer alter column audience set not null",
        "alter table fact add constraint f foreign key (identity) references identity",
        "alter table fact add check (type <> '')",
        "alter table fact set unlogged",
        "alter table fact drop column points",
        "alter table fact rename column points to contact_points",
        "drop table catalogue",
        "lock table customer",
        "truncate outbox",
        "reindex table fact",
        "vacuum full fact",
        "update customer set version = version + 1",
        "insert into contact select * from customer",
        "delete from event_key where source = ''",
    ],
)
def test_what_holds_workers_up_is_found(statement: str, tmp_path: Path) -> None:
    assert dangers(_revision(tmp_path, statement))


@pytest.mark.parametrize(
    "statement",
    [
        "create table note (note_id uuid primary key, person_id uuid not null)",
        "create table note (n int);\\ncreate index note_n on note (n)",
        "create index dead_letter_reason on dead_letter (reason)",
        "alter table customer add column hour integer",
        "alter table fact add column origin text not null default ''",
        "alter table fact add constraint f check (type <> '') not valid",
        "alter table fact validate constraint f",
        "insert into sweep (name, cause) values ('decide-anew', '{}')",
        "comment on table fact is 'the truth'",
    ],
)
def test_what_only_adds_is_let_through(statement: str, tmp_path: Path) -> None:
    assert dangers(_revision(tmp_path, statement)) == []


def test_taking_away_is_for_a_release_in_which_nobody_uses_it(tmp_path: Path) -> None:
    path = _revision(tmp_path, "alter table fact drop column points")
    path.write_text(path.read_text() + 'contract = "0.3: read by nobody since 0.2"\n')
    assert dangers(path) == []


def test_the_example_of_a_next_version_is_safe() -> None:
    folder = Path(__file__).parents[1] / "data" / "upgrades" / "migrations" / "versions"
    for path in folder.glob("*.py"):
        assert dangers(path) == []


def _revision(folder: Path, statement: str) -> Path:
    path = folder / "0009_try.py"
    path.write_text(
        "from alembic import op\n\n\ndef upgrade() -> None:\n"
        f'    for one in "{statement}".split(";"):\n        op.execute(one)\n'
    )
    return path
