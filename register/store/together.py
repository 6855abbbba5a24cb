"""Several statements of `queries.sql` in one round trip.

A small batch on a busy machine waits less for PostgreSQL than for its turn after each answer.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import asyncpg

from register.store.pool import Connection
from register.store.rows import Row, columns

Asked = tuple[str, Sequence[object]]
"""A query with its arguments."""
Answers = list[list[tuple[Any, ...]]]
"""The rows that each of some queries gives."""

_PARAMETER = re.compile(r"\$(\d+)")


async def read_together(connection: Connection, *asked: Asked) -> Answers:
    """What queries that only read answer, all as of one moment; rows are plain tuples.

    An array may be among a query's columns only where this connection has met its type before:
    the driver does not look up types within rows.
    """
    text = reading(tuple(query for query, _ in asked))
    answers = await connection.fetchrow(text, *_arguments(asked))
    assert answers is not None
    return list(answers)


async def write_together(
    connection: Connection, *written: tuple[str, Sequence[Row]], then: str = "select"
) -> None:
    """Write rows by queries of which each takes one array per column, and none of which reads
    or touches what another one writes; `then` takes nothing, and comes last."""
    text = _writing(tuple(query for query, _ in written), then)
    arrays = [(query, columns(rows, _width(query))) for query, rows in written]
    await connection.execute(text, *_arguments(arrays))


class Looks:
    """Queries asked one after the other, and what they answered: to ask all of them again at
    once, since the answers of each decided what the next was asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: list[Asked] = []
        self._answers: list[list[tuple[object, ...]]] = []

    async def at(self, query: str, keys: Collection[object], *more: object) -> list[asyncpg.Record]:
        """Ask a query of `keys`."""
        arguments = (list(keys), *more)
        rows = await self._connection.fetch(query, *arguments)
        self._asked.append((query, arguments))
        self._answers.append(list(map(tuple, rows)))
        return rows

    async def again(self, *more: Asked) -> Answers | None:
        """Ask all of them again, and `more`, as of one moment; gives the answers to `more`, or
        None where one of them answers something else now than before."""
        if not self._asked and not more:
            return []
        answers = await read_together(self._connection, *self._asked, *more)
        count = len(self._asked)
        same = all(map(_alike, answers[:count], self._answers))
        return answers[count:] if same else None


def _alike(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """Whether two answers hold the same rows; mostly they do, in the same order."""
    return one == other or _regardless_of_order(one) == _regardless_of_order(other)


def _regardless_of_order(rows: Iterable[Row]) -> frozenset[tuple[object, ...]]:
    return frozenset(
        tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in rows
    )


def _arguments(asked: Sequence[Asked]) -> list[object]:
    return [argument for _, arguments in asked for argument in arguments]


@lru_cache
def reading(texts: tuple[str, ...]) -> str:
    """One query for all of the texts: of each an array of its rows."""
    parts = (f"array(select row(q.*) from (\n{text}\n) q)" for text in _numbered(texts))
    return f"select {', '.join(parts)}"


@lru_cache
def _writing(texts: tuple[str, ...], then: str) -> str:
    parts = (f"w{number} as (\n{text}\n)" for number, text in enumerate(_numbered(texts)))
    return f"with {', '.join(parts)}\n{then}"


def _numbered(texts: Sequence[str]) -> Iterator[str]:
    """The texts with their parameters numbered through."""
    before = 0
    for text in texts:
        yield _PARAMETER.sub(partial(_moved, before), text.rstrip(";"))
        before += _width(text)


def _moved(before: int, parameter: re.Match[str]) -> str:
    return f"${int(parameter[1]) + before}"


@lru_cache
def _width(text: str) -> int:
    """How many parameters a query takes."""
    return max(map(int, _PARAMETER.findall(text)), default=0)
