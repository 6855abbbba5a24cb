"""Whether a loss tomorrow could be mended: what is wrong with backups, log and topics."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ops.backup.folder import Base
from ops.backup.server import Archiving
from topics import INBOUND
from topics.declarations import INBOUND_AT_LEAST, RESTORE_WITHIN, milliseconds
from topics.provision import Report, check

_WAITING = 10


def backup_problems(bases: list[Base], every: timedelta, now: datetime) -> Iterator[str]:
    """What is wrong with the base backups."""
    if not bases:
        yield "there is no base backup"
    elif now - bases[-1].began > every:
        yield f"the newest base backup is of {bases[-1].name}, older than {_words(every)}"


def archive_problems(server: Archiving) -> Iterator[str]:
    """What is wrong with the archiving of the log."""
    if not server.on:
        yield "the server does not archive its log: python -m ops.backup archive"
    if server.failed and (server.archived is None or server.failed > server.archived):
        yield "the server could not archive its log: its own log says why"
    if server.waiting > _WAITING:
        yield f"{server.waiting} files of the log wait to be archived"


def kept_at_least(bases: list[Base], now: datetime) -> timedelta:
    """How long inbound topics have to keep their records for the oldest backup to be of use."""
    oldest = now - bases[0].began if bases else timedelta(0)
    return max(INBOUND_AT_LEAST, oldest + RESTORE_WITHIN)


async def topic_problems(servers: str, prefix: str, needed: timedelta) -> list[str]:
    """Inbound topics that let go of records too soon, or are not there."""
    return list(too_short(await check(servers, prefix=prefix, retention=needed), prefix, needed))


def too_short(report: Report, prefix: str, needed: timedelta) -> Iterator[str]:
    """The same, of a report that declares the needed retention."""
    inbound = {prefix + topic.name for topic in INBOUND}
    for name in report.missing:
        if name in inbound:
            yield f"there is no topic {name}"
    for point in report.different:
        if point.setting != "retention.ms" or point.topic not in inbound:
            continue
        kept = int(point.actual or 0)
        if 0 <= kept < int(milliseconds(needed)):  # -1: for ever
            yield (
                f"{point.topic} keeps records for {_words(timedelta(milliseconds=kept))}; "
                f"restoring the oldest backup needs {_words(needed)} (R66)"
            )


def _words(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.1f} days"


def told(problems: Iterable[str]) -> str:
    """The problems, one a line."""
    return "\n".join(f"problem: {problem}" for problem in problems)
