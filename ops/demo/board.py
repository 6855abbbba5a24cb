"""What the demo shows: a live picture on a terminal, plain lines elsewhere."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ops.demo import sentences
from ops.demo.clock import BanClock, Enforced, quantile


@dataclass(frozen=True, slots=True)
class Picture:
    """The numbers of one moment. `customers` to `lag` are None while no metrics are served."""

    seconds: float
    published: int
    publish_rate: float
    handle_rate: float
    customers: int | None
    outbox: int | None
    lag: int | None
    eligibility: int
    refusals: int
    dead_letters: int
    bans: BanClock
    latest_bans: tuple[Enforced, ...]
    lines: tuple[str, ...]


def status_line(picture: Picture) -> str:
    """Everything that counts, in one line."""
    return (
        f"{picture.seconds:4.0f} s  {picture.publish_rate:4.0f} events/s in, "
        f"{picture.handle_rate:4.0f}/s handled  customers {_shown(picture.customers)}  "
        f"eligibility {picture.eligibility}  refused {picture.refusals}  "
        f"dead letters {picture.dead_letters}  {_bans(picture.bans)}"
    )


def board(picture: Picture) -> RenderableType:
    """The live picture."""
    numbers = Table.grid(padding=(0, 3))
    for left, right in (
        (("events/s published", f"{picture.publish_rate:.0f}"),
         ("customers in the register", _shown(picture.customers))),
        (("events/s handled", f"{picture.handle_rate:.0f}"),
         ("eligibility updates", str(picture.eligibility))),
        (("waiting on Kafka", _shown(picture.lag)), ("refused by a rule", str(picture.refusals))),
        (("waiting in the outbox", _shown(picture.outbox)),
         ("dead letters", str(picture.dead_letters))),
    ):  # fmt: skip
        numbers.add_row(left[0], f"[b]{left[1]}[/b]", right[0], f"[b]{right[1]}[/b]")
    return Group(
        Panel(numbers, title=f"register, {picture.seconds:.0f} s", title_align="left"),
        Panel(_latest_bans(picture), title=_bans(picture.bans), title_align="left"),
        Panel(Text("\n".join(picture.lines) or "…"), title="latest decisions", title_align="left"),
        "Ctrl-C ends",
    )


def summary(picture: Picture) -> list[str]:
    """What happened, for the end."""
    lines = [
        f"{picture.published} events published in {picture.seconds:.0f} s",
        f"{_shown(picture.customers)} customers in the register, "
        f"{picture.eligibility} eligibility updates",
        f"{picture.refusals} events refused by a rule, {picture.dead_letters} dead letters",
        _bans(picture.bans),
    ]
    quiet = picture.bans.placed - len(picture.bans.enforced)
    if quiet > 0:
        lines.append(f"{quiet} bans caused no record of their own: the same ban stood already")
    return lines


def _latest_bans(picture: Picture) -> str:
    lines = (
        f"[b]{ban.milliseconds:5.0f} ms[/b]  {escape(sentences.ban(ban.scope))}"
        f"  (seen on {ban.seen_on})"
        for ban in picture.latest_bans
    )
    return "\n".join(lines) or "…"


def _bans(clock: BanClock) -> str:
    placed = f"bans placed {clock.placed}"
    if not clock.enforced:
        return placed
    times = [ban.milliseconds for ban in clock.enforced]
    return (
        f"{placed}, enforced {len(times)} "
        f"(p50 {quantile(times, 0.5):.0f} ms, p99 {quantile(times, 0.99):.0f} ms)"
    )


def _shown(number: int | None) -> str:
    return "–" if number is None else str(number)
