"""`register rebuild`: what follows from the facts, built anew beside the old and swapped in."""

from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import typer
from rich.progress import Progress

from register.cli.connecting import connected
from register.cli.environment import digester, topic_prefix
from register.cli.errors import CliError
from register.cli.running import DIFFERENT, progress, run, say
from register.rules.settings import RuleSettings
from register.store.batch import Rules
from register.store.rebuild import RebuildRunsError, Rebuilt, rebuild

_KINDS = {
    "identity": "identities that point to another person, or are named otherwise",
    "key": "match keys and used contact points that identities have too many or too few",
    "entry": "lines of the ban register that are missing, too many or other ones",
    "eligibility": "customers who are decided otherwise",
    "ban": "digests of the ban register under which something else stands",
    "row": "messages kept otherwise than they were said, customers found otherwise",
    "party": "facts whose personal data must not be held",
    "fact": "facts that must not be held",
}


def command(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what would differ; exit code 1 if any.")
    ] = False,
) -> None:
    """Build the register anew from its facts, and put it in the old one's place.

    Workers go on meanwhile, but for a moment at the end. Stopped before that, the register is
    as it was. Who is decided otherwise is told so. Nothing personal is shown.
    """
    started = datetime.now(UTC)
    done = Rebuilt()

    async def rebuild_it() -> None:
        nonlocal done
        done = await _rebuild(started, swap=not check)

    run(rebuild_it)
    seconds = (datetime.now(UTC) - started).total_seconds()
    _show(done, seconds)
    if check and done.differences:
        raise typer.Exit(DIFFERENT)


async def _rebuild(now: datetime, *, swap: bool) -> Rebuilt:
    rules = Rules(digester(), RuleSettings(), topic_prefix())
    try:
        async with connected("register rebuild") as connection:
            with progress() as shown:
                return await rebuild(connection, rules, now, _Told(shown).tell, swap=swap)
    except RebuildRunsError:
        raise CliError("somebody else rebuilds this register at the moment") from None
    except asyncpg.LockNotAvailableError:
        text = "somebody reads the register for long, so it could not be swapped: it is as it was"
        raise CliError(text) from None


class _Told:
    """A line of the progress for each part of the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks = {"": progress.add_task("starting", total=None)}

    def tell(self, what: str, count: int) -> None:
        """So much is done of a part."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=None)
        self._progress.update(self._tasks[what], completed=count)


def _show(done: Rebuilt, seconds: float) -> None:
    rate = done.identities / seconds if seconds else 0
    say(f"identities placed: {done.identities:,} in {seconds:,.0f} s, {rate:,.0f}/s")
    for kind, text in _KINDS.items():
        say(f"  {text}: {done.differences.get(kind, 0)}")
    if done.swapped:
        say("the new register is in use; whoever is decided otherwise is told so")
    elif done.differences:
        say("run: register rebuild")
