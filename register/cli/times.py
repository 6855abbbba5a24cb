"""Moments as people in Finland write and read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from register.cli.errors import usage

FINLAND = ZoneInfo("Europe/Helsinki")


def parse(text: str) -> datetime:
    """An ISO 8601 date or time; without an offset it is Finnish time.

    Raises `CliError` for anything else.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise usage("--at takes a time such as 2026-03-05T12:00 or 2026-03-05T10:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=FINLAND)


def shown(moment: datetime) -> str:
    """To the second, in Finnish time, with its offset."""
    return moment.astimezone(FINLAND).isoformat(sep=" ", timespec="seconds")
