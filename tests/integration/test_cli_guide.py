"""`docs/customer-service.md` shows what the commands say (R50, R60)."""

import re
import shlex
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from register.store.pool import connect
from schemas.docs.events import DOCS
from tests.conftest import Database, RunningStack
from tests.integration.store.driver import SECRET, StoreDriver
from tests.integration.support.shell import Shell, responses_topic
from tests.support.events import Json, consumer, event

pytestmark = pytest.mark.integration

GUIDE = (DOCS / "customer-service.md").read_text("utf-8")
SHOWN = re.findall(r"```console\n\$ register (.*)\n([\s\S]*?)\n```", GUIDE)

AINO = consumer(
    email="aino@example.fi",
    phone="040 123 4567",
    address={
        "street": "Porrassalmenkatu 20 A 3",
        "postal_code": "50100",
        "city": "Mikkeli",
        "country": "FI",
    },
)
VILLE = consumer("Ville", email="ville@example.fi", phone="+358401234567")
CRM = "/customer-service/crm"


def said(
    kind: str,
    time: str,
    event_id: str,
    data: Json,
    subject: str | None = "cust-1001",
    source: str = "/channels/webshop",
) -> Json:
    return event(kind, data, datetime.fromisoformat(time), subject, source, event_id)


def bought(order_id: str, party: Json, product: str, category: str) -> Json:
    line = {"product": product, "category": category, "quantity": 1, "price_cents": 2490}
    return {"order_id": order_id, "party": party, "lines": [line]}


STORY = [
    said(
        "signup.received",
        "2026-01-20T09:12:00+02:00",
        "web-311",
        {
            "party": AINO,
            "form": "newsletter",
            "consents": [
                {
                    "scope": {"purposes": ["newsletter"], "channels": ["email"]},
                    "wording": "newsletter-2026-01",
                }
            ],
        },
    ),
    said(
        "order.placed",
        "2026-02-11T12:00:00+02:00",
        "web-320",
        bought("ord-6001", VILLE, "mobile-5g", "mobile"),
        "cust-1002",
    ),
    said(
        "order.placed",
        "2026-03-02T09:15:00+02:00",
        "web-342",
        bought("ord-5001", AINO, "fibre-100", "broadband"),
    ),
    said(
        "ban.placed",
        "2026-04-01T14:20:00+03:00",
        "crm-12",
        {
            "scope": {"channels": ["phone"]},
            "party": consumer(phone="+358401234567"),
            "recorded_by": "agent-17",
            "evidence": "call 1.4.",
        },
        "case-300",
        CRM,
    ),
    said(
        "ban.placed",
        "2026-06-01T07:30:00+03:00",
        "sms-77",
        {
            "scope": {"channels": ["sms"]},
            "party": {"kind": "consumer", "phone": "040 1234567"},
            "evidence": "STOP 1.6.",
        },
        None,
        "/campaign-tools/sms",
    ),
    said(
        "ban.placed",
        "2026-07-02T20:05:00+03:00",
        "web-398",
        {"scope": {"purposes": ["offers"], "products": ["tv"]}, "recorded_by": "My pages"},
    ),
    said(
        "access.requested",
        "2026-11-20T10:00:00+02:00",
        "crm-80",
        {
            "request_id": "req-301",
            "party": consumer(email="aino@example.fi"),
            "in_writing": True,
            "signed": True,
        },
        "case-301",
        CRM,
    ),
]
"""What the guide's customers said, each received two seconds later."""


@pytest.fixture
async def shell(database: Database, stack: RunningStack) -> AsyncIterator[Shell]:
    """Commands on a register that the story was told to."""
    connection = await connect(database.url, "test")
    register = StoreDriver(connection)
    for one in STORY:
        register.received = datetime.fromisoformat(one["time"]) + timedelta(seconds=2)
        await register.write(one)
    async with responses_topic(stack.kafka, f"{database.name}.") as topic:
        await topic.say(register)
        await connection.close()
        yield Shell(
            {
                "DATABASE_URL": database.url,
                "DIGEST_SECRET": SECRET.decode(),
                "KAFKA_BOOTSTRAP_SERVERS": topic.servers,
                "TOPIC_PREFIX": topic.prefix,
                "COLUMNS": "100",
            }
        )


async def test_every_command_says_what_the_guide_shows(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word, but for spaces at the end of lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    assert {command.split()[0] for command, _ in SHOWN} == {"why", "report", "duplicates"}
    for command, shown in SHOWN:
        answer = await shell(*shlex.split(command))
        assert answer.exit_code == 0, answer.stderr
        said_now = "\n".join(line.rstrip() for line in answer.stdout.rstrip().splitlines())
        assert said_now == shown, command
