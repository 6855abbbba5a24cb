"""`python -m tests.fuzz`: a million inputs or more, some of them on a real PostgreSQL."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from ops.generate.progress import Meter
from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack
from register.store.migrate import migrate
from register.store.pool import connect
from tests.fuzz.database import run_in_database
from tests.fuzz.inputs import WORLD, Inputs
from tests.fuzz.run import Result, run_in_memory

_console = Console()


def main(
    inputs: Annotated[int, typer.Option(min=1, help="How many, in memory.")] = 1_000_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same inputs.")] = None,
    database: Annotated[
        int, typer.Option(min=0, help="How many of them go through PostgreSQL too; 0: none.")
    ] = 5_000,
    first: Annotated[
        int, typer.Option(min=0, help="Begin with this input, to see a crash again.")
    ] = 0,
) -> None:
    """Throw spoilt events at decoding, intake, rules and store; exit code 1 if one breaks them.

    Each input must come out as exactly one of applied, refused, duplicate and dead letter.
    """
    if seed is None:
        seed = secrets.randbelow(10**6)
    _say(f"seed {seed}")
    made, memory, stored = Inputs(seed), Result(), Result()
    try:
        with Meter("fuzz", total=inputs) as meter:
            run_in_memory(made, _worlds(first, inputs), memory, meter.show)
        if database:
            _in_database(made, _worlds(first, database), stored)
    except KeyboardInterrupt:
        _say("stopped")
        raise typer.Exit(130) from None
    finally:
        _show("in memory", memory, seed)
        _show("on PostgreSQL", stored, seed)
    if memory.crashes or stored.crashes:
        raise typer.Exit(1)


def _worlds(first: int, inputs: int) -> range:
    start = first // WORLD
    return range(start, start + -(-inputs // WORLD))


def _in_database(made: Inputs, worlds: range, result: Result) -> None:
    async def write(url: str) -> None:
        connection = await connect(url, "fuzz")
        try:
            with Meter("fuzz on PostgreSQL", total=len(worlds) * WORLD) as meter:
                differences = await run_in_database(connection, made, worlds, result, meter.show)
        finally:
            await connection.close()
        if differences.found:
            raise SystemExit(f"the register differs from its facts: {differences}")

    with _postgres() as url:
        asyncio.run(write(url))


@contextmanager
def _postgres() -> Iterator[str]:
    """A PostgreSQL of the fuzzer's own, with empty tables."""
    stack = Stack(DEFAULT_DIR / "fuzz", progress=ConsoleProgress(_console))
    stack.clean()
    try:
        stack.dir.mkdir(parents=True, exist_ok=True)
        stack.postgres.start()
        migrate(stack.postgres.url)
        yield stack.postgres.url
    finally:
        stack.clean()


def _show(where: str, result: Result, seed: int) -> None:
    if not result.inputs:
        return
    counts = ", ".join(f"{count} {came}" for came, count in sorted(result.outcomes.items()))
    _say(f"{where}: {result.inputs} inputs: {counts}")
    _say("  dead letters: " + ", ".join(f"{code} {n}" for code, n in result.reasons.most_common()))
    seconds, number = result.slowest
    if number >= 0:
        _say(f"  slowest batch: {seconds * 1_000:.0f} ms of CPU an input, from input {number} on")
    for crash in result.crashes.values():
        _say(f"CRASH {crash}")
        _say(f"  again: python -m tests.fuzz --seed {seed} --first {crash.inputs[0].number}")


def _say(text: str) -> None:
    _console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
