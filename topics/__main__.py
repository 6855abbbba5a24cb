"""`python -m topics provision|check|list`: make, compare or show the contract's topics.

Reads KAFKA_BOOTSTRAP_SERVERS, TOPIC_PREFIX, TOPIC_PARTITIONS, TOPIC_REPLICATION and
TOPIC_RETENTION_DAYS from the environment; options win. Exit codes: 0 fine, 1 something differs
or is missing (`check`), 2 the broker cannot be reached or refused.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from topics.declarations import INBOUND, INBOUND_AT_LEAST, OUTBOUND, Topic
from topics.provision import ProvisionError, Report, check, provision

app = typer.Typer(help="The contract's Kafka topics.", no_args_is_help=True, add_completion=False)
console = Console()

Servers = Annotated[
    str, typer.Option("--bootstrap-servers", envvar="KAFKA_BOOTSTRAP_SERVERS", help="host:port,…")
]
Prefix = Annotated[str, typer.Option(envvar="TOPIC_PREFIX", help="goes before every topic's name")]
Partitions = Annotated[
    int | None,
    typer.Option(envvar="TOPIC_PARTITIONS", min=1, help="of every topic; as declared if left out"),
]
Replication = Annotated[int, typer.Option(envvar="TOPIC_REPLICATION", min=1)]
RetentionDays = Annotated[
    int | None,
    typer.Option(
        envvar="TOPIC_RETENTION_DAYS",
        min=INBOUND_AT_LEAST.days,
        help="of the inbound topics that delete",
    ),
]


@app.command("provision")
def provision_command(
    bootstrap_servers: Servers,
    prefix: Prefix = "",
    partitions: Partitions = None,
    replication: Replication = 1,
    retention_days: RetentionDays = None,
) -> None:
    """Make the topics that are missing; report what differs, and leave it alone."""
    _show(
        _run(
            provision(
                bootstrap_servers,
                prefix=prefix,
                partitions=partitions,
                replication=replication,
                retention=_days(retention_days),
            )
        )
    )


@app.command("check")
def check_command(
    bootstrap_servers: Servers,
    prefix: Prefix = "",
    partitions: Partitions = None,
    replication: Replication = 1,
    retention_days: RetentionDays = None,
) -> None:
    """Compare the broker with the declarations; exit 1 when something differs or is missing."""
    report = _run(
        check(
            bootstrap_servers,
            prefix=prefix,
            partitions=partitions,
            replication=replication,
            retention=_days(retention_days),
        )
    )
    _show(report)
    if not report.agrees:
        raise typer.Exit(1)


@app.command("list")
def list_command(prefix: Prefix = "") -> None:
    """Show what is declared; needs no broker."""
    for title, topics in (("inbound", INBOUND), ("outbound", OUTBOUND)):
        table = Table(title=title, title_justify="left")
        table.add_column("topic", no_wrap=True)
        table.add_column("key")
        table.add_column("keeps", no_wrap=True)
        table.add_column("types", no_wrap=True)
        for topic in topics:
            types = "\n".join(sorted(topic.types)) or "as received"
            table.add_row(prefix + topic.name, topic.key, _keeps(topic), types)
        console.print(table)


def _run(work: Coroutine[None, None, Report]) -> Report:
    try:
        return asyncio.run(work)
    except (KafkaError, ProvisionError, TimeoutError, OSError) as error:
        console.print(f"topics: {str(error) or type(error).__name__}", markup=False, style="red")
        raise typer.Exit(2) from None


def _show(report: Report) -> None:
    for word, names in (
        ("created", report.created),
        ("missing", report.missing),
        ("unchanged", report.unchanged),
    ):
        for name in names:
            console.print(f"{word:<10} {name}", markup=False, highlight=False)
    if report.different:
        table = Table("topic", "setting", "declared", "on the broker", title="differs")
        for point in report.different:
            table.add_row(point.topic, point.setting, point.declared, point.actual or "–")
        console.print(table)


def _keeps(topic: Topic) -> str:
    return "compact" if topic.retention is None else f"{topic.retention.days} days"


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


if __name__ == "__main__":
    app()
