"""What a migration must not do while workers of this version and the next run on its database."""

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

SMALL = frozenset(
    {
        "agreement_fact",
        "catalogue",
        "consumer_offset",
        "counted",
        "dead_letter",
        "dead_letter_action",
        "disclosure_job",
        "output_hold",
        "replay_target",
        "sweep",
    }
)
"""Tables that do not grow with the customers. Any other is big."""

_CREATED = re.compile(r"\bcreate (?:unlogged )?table (?:if not exists )?(\w+)")
_INDEX = re.compile(r"\bcreate (?:unique )?index (concurrently )?.*? on (?:only )?(\w+)")
_ALTER = re.compile(r"\balter table (?:if exists )?(?:only )?(\w+) (.*)")
_REWRITES = (
    (r"\balter (?:column )?\w+ (?:set data )?type\b", "a new column type rewrites it"),
    (r"\bdefault (?:clock_timestamp|random|gen_random_uuid|nextval)\b", "it fills every row"),
    (r"\bgenerated\b", "a generated column rewrites it"),
    (r"\b(?:small|big)?serial\b", "a serial column rewrites it"),
    (r"\bset (?:un)?logged\b|\bset tablespace\b|\bset access method\b", "this rewrites it"),
    (r"\bset not null\b", "every row is read while nobody may write; add a check `not valid`"),
)
_CONSTRAINT = re.compile(r"\badd (?:constraint \w+ )?(check|foreign key|unique|primary key)\b")
_LOCKS = re.compile(r"^(vacuum full|cluster|reindex (?!.*concurrently)|lock table|lock|truncate)\b")
_WRITES = re.compile(r"^(?:with\b.*\b)?(update|delete from|insert into) (\w+)(.*)")
_TAKES_AWAY = re.compile(
    r"\bdrop (?:table|column|view|function|type|sequence|schema)\b|\brename\b|\bdrop constraint\b"
)


def statements_of(path: Path) -> tuple[ModuleType, list[str]]:
    """A migration's module, and what it would run: in lower case, white space made one."""
    spec = importlib.util.spec_from_file_location(f"revision_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    said = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": said, "transactional_ddl": True},
    )
    with Operations.context(context):
        module.upgrade()
    text = re.sub(r"--[^\n]*", "", said.getvalue())
    return module, [" ".join(one.lower().split()) for one in text.split(";\n") if one.strip()]


def dangers(path: Path) -> list[str]:
    """Why a migration could hold workers up or take from them what they use; empty if it is safe.

    A revision that takes something away says since when nobody uses it: `contract = "0.3"`.
    """
    module, statements = statements_of(path)
    new = {name for one in statements for name in _CREATED.findall(one)}
    contract = hasattr(module, "contract")
    return [
        f"{path.name}: {why}: {one[:90]}"
        for one in statements
        for why in _dangers_of(one, new, contract=contract)
    ]


def _dangers_of(statement: str, new: set[str], *, contract: bool) -> Iterator[str]:
    if (index := _INDEX.search(statement)) and not index[1] and _is_big(index[2], new):
        yield "build it with register.store.migrations.online.build_index"
    if (altered := _ALTER.search(statement)) and altered[1] not in new:
        yield from _dangers_of_change(altered[2])
    if _LOCKS.search(statement):
        yield "everybody waits for this"
    if (
        (write := _WRITES.search(statement))
        and _is_big(write[2], new)
        and " values " not in write[3]
    ):
        yield "too many rows for one transaction; let workers do it in steps (a sweep)"
    if _TAKES_AWAY.search(statement) and not contract:
        yield 'a worker of before may use it; in a later release, with `contract = "…"`'


def _dangers_of_change(change: str) -> Iterator[str]:
    for pattern, why in _REWRITES:
        if re.search(pattern, change):
            yield why
    if "not null" in change and "add column" in change and "default" not in change:
        yield "the rows there have no value, and workers of before write none"
    constraint = _CONSTRAINT.search(change)
    if constraint and "not valid" not in change and "using index" not in change:
        yield f"add the {constraint[1]} without reading every row (`not valid`, `using index`)"


def _is_big(table: str, new: set[str]) -> bool:
    return table not in new and table not in SMALL
