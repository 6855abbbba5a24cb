"""What the pages say that follows from the code: bases, retentions, who reads what."""

from collections.abc import Iterator
from datetime import timedelta

from ops.notice.wording import Wording
from register.rules.settings import RuleSettings
from register.rules.table import ROWS, Row
from schemas.terms import Audience, Basis, Purpose
from topics import DEAD_LETTERS, OUTBOUND, Topic
from topics.declarations import BACKUPS_KEPT, RETENTION

PROSPECTS = frozenset({Audience.CONSUMER_PROSPECT, Audience.BUSINESS_PROSPECT})

_KEPT = (
    *("prospect", "listed", "business", "role", "replaced", "remains"),
    *("bans", "merges", "ledger", "requests", "events", "audit"),
)
"""What the wording has a line on, and a time without a figure."""


def bases(row: Row, code: str, audience: Audience) -> tuple[Basis, ...]:
    """On which bases a cell with this code can be allowed for this row (rules, section 3)."""
    if code == "O":
        return (row.opt_out_basis,) if row.opt_out_basis else ()
    if code == "K":
        return () if audience in PROSPECTS else (Basis.CONTRACT,)
    return {
        "C": (Basis.CONSENT,),
        "S": (Basis.CONSENT, Basis.SOFT_OPT_IN),
        "B": (Basis.BUSINESS_ROLE, Basis.CONSENT),
        "N": (),
    }[code]


def bases_of(purpose: Purpose) -> list[Basis]:
    """Every basis on which somebody may be contacted for a purpose, in the enum's order."""
    found = {
        basis
        for (audience, _), row in ROWS.items()
        for _, _, code in row.codes[purpose]
        for basis in bases(row, code, audience)
    }
    return [basis for basis in Basis if basis in found]


def span(time: timedelta, wording: Wording) -> str:
    """A time span in words: whole years where it is some, days otherwise.

    2191 or 2192 days are six years: 365 each, and the leap days in between.
    """
    years = round(time.days / 365.25)
    if years and abs(time.days - years * 365.25) <= 1:
        return f"{years} {wording.of('unit', 'year' if years == 1 else 'years')}"
    return f"{time.days} {wording.of('unit', 'day' if time.days == 1 else 'days')}"


def keeps(topic: Topic, wording: Wording) -> str:
    """How long a topic keeps its records, in words."""
    if topic.retention is None:
        return wording.of("unit", "latest")
    return span(topic.retention, wording)


def roles(names: tuple[str, ...], wording: Wording) -> str:
    """Writers or readers of a topic, in words."""
    return ", ".join(wording.of("role", name) for name in names)


def received_by() -> Iterator[tuple[str, list[Topic]]]:
    """Each reader of the outbound topics, with what it reads."""
    for role in dict.fromkeys(role for topic in OUTBOUND for role in topic.readers):
        yield role, [topic for topic in OUTBOUND if role in topic.readers]


def retentions(settings: RuleSettings, wording: Wording) -> Iterator[tuple[str, str]]:
    """What is kept how long in the register and its backups: R1, R20 to R27, S29, S45."""
    text = wording.text
    former = text("retention_former_time").format(
        span=span(settings.former_customer_retention, wording)
    )
    yield text("retention_customer"), text("retention_customer_time")
    yield text("retention_former"), former
    for name in _KEPT:
        yield text(f"retention_{name}"), text(f"retention_{name}_time")
    backups = text("retention_backups_time").format(span=span(BACKUPS_KEPT, wording))
    yield text("retention_backups"), backups


def messages_kept(wording: Wording) -> tuple[str, str]:
    """What is kept how long on the topics, in one line."""
    assert DEAD_LETTERS.retention is not None
    time = wording.text("retention_messages_time").format(
        span=span(RETENTION, wording), unread=span(DEAD_LETTERS.retention, wording)
    )
    return wording.text("retention_messages"), time
