"""`register restored`: the database is a backup's, so output waits for what is newer (R66)."""

from typing import Annotated

import typer

from register.cli.connecting import connected
from register.cli.errors import CliError
from register.cli.running import run, say
from register.store.restored import accept_gaps, ask_for_hold, read_hold, still_ahead


def command(
    status: Annotated[
        bool, typer.Option("--status", help="Only tell how far the replay is.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-gaps", help="Go on although records newer than the backup are gone."
        ),
    ] = False,
) -> None:
    """Say that the database was restored: workers publish nothing until what is newer is in.

    Workers find most restores by themselves; saying it again does no harm. A copy of the
    server's disk looks as if nothing had happened, and has to be told. Exit code 1 with
    --status while output waits.
    """
    if status and accept:
        raise typer.BadParameter("either --status or --accept-gaps")
    run(_status if status else _accept if accept else _restored)


async def _restored() -> None:
    async with connected("register restored") as connection:
        await ask_for_hold(connection)
    say("output waits until the workers have taken in what is newer than the backup")


async def _accept() -> None:
    async with connected("register restored") as connection:
        await accept_gaps(connection)
    say("output goes on without the records that are gone, as soon as the others are in")


async def _status() -> None:
    async with connected("register restored") as connection:
        hold, ahead = await read_hold(connection), await still_ahead(connection)
    if not hold.held:
        say("output is written")
        return
    if not hold.has_targets:
        raise CliError("output waits: no worker has begun the replay yet")
    if hold.gone:
        raise CliError(
            "output waits: records newer than the backup are gone from Kafka, and there may be "
            "bans and erasures among them. Restore a newer backup, or have the senders send "
            "again; then `register restored --accept-gaps`"
        )
    left = sum(one.end_offset - one.next_offset for one in ahead)
    raise CliError(f"output waits: at most {left} records of {len(ahead)} partitions to take in")
