"""What channels say in these tests: events written by hand, and a believable crowd of them."""

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import orjson

from ops.generate import Generator, Options, Published
from schemas.cloudevents import CONTENT_TYPE
from tests.integration.support.broker import Outgoing
from topics import CONSENTS, PROSPECTS

Json = dict[str, Any]

WEBSHOP = "/channels/webshop"

_numbers = itertools.count(1)


def consumer(name: str, **parts: Any) -> Json:
    """A consumer whose e-mail address is `name` at example.fi."""
    return {
        "kind": "consumer",
        "name": {"given": "Aino", "family": f"Testi-{name}"},
        "email": f"{name}@example.fi",
        **parts,
    }


def event(kind: str, subject: str | None, data: Json, **attributes: Any) -> Json:
    """A CloudEvent with an id of its own, an hour old unless `time` says otherwise."""
    made: Json = {
        "specversion": "1.0",
        "id": f"evt-{next(_numbers)}",
        "source": WEBSHOP,
        "type": kind,
        "time": ago(hours=1),
        "data": data,
    }
    if subject is not None:
        made["subject"] = subject
    return {**made, **attributes}


def order(subject: str, **attributes: Any) -> Json:
    """`order.placed` by a consumer of that name."""
    line = {"product": "fibre-100", "category": "broadband", "quantity": 1, "price_cents": 2490}
    data = {"order_id": f"order-{subject}", "party": consumer(subject), "lines": [line]}
    return event("order.placed", subject, data, **attributes)


def signup(subject: str, **attributes: Any) -> Json:
    """`signup.received` by a consumer prospect who agrees to the newsletter by e-mail."""
    consent = {
        "scope": {"purposes": ["newsletter"], "channels": ["email"]},
        "wording": "newsletter-2026-01",
    }
    data = {"party": consumer(subject), "form": "newsletter", "consents": [consent]}
    return event("signup.received", subject, data, **attributes)


def ban(subject: str | None, scope: Json | None = None, **attributes: Any) -> Json:
    """`ban.placed`, on all marketing unless `scope` says otherwise, a minute old."""
    attributes.setdefault("time", ago(minutes=1))
    return event("ban.placed", subject, {"scope": scope or {}}, **attributes)


def consent(subject: str, **attributes: Any) -> Json:
    """`consent.given` to the newsletter by e-mail."""
    scope = {"purposes": ["newsletter"], "channels": ["email"]}
    data = {"scope": scope, "wording": "newsletter-2026-01"}
    return event("consent.given", subject, data, **attributes)


def ago(**span: float) -> str:
    """A moment before now, as on the wire; a negative span lies ahead."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def structured(topic: str, event: Json) -> Outgoing:
    """The event as a record in structured mode."""
    return Outgoing(topic, _key(event), orjson.dumps(event), (CONTENT_TYPE,))


def binary(topic: str, event: Json) -> Outgoing:
    """The event as a record in binary mode."""
    attributes = [
        (f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"
    ]
    headers = (("content-type", b"application/json"), *attributes)
    return Outgoing(topic, _key(event), orjson.dumps(event["data"]), headers)


def _key(event: Json) -> bytes | None:
    return event["subject"].encode() if "subject" in event else None


def believable(count: int, *, seed: int, poison: bool = False) -> list[Outgoing]:
    """`count` generated records, repeats among them, of which any order gives the same register.
    With `poison` some of them must be dead letters.

    What R2 excepts is left out:

    - R21 and R23 judge by what had arrived. So no sign-up without consents and no profile
      update by a consumer is here (each is stored or refused, depending on what came before
      it), and nothing that forbids collecting (a listing that comes first is stored and taken
      away again, one that comes later is refused). Listings of consumers stay: they are refused
      in every order.
    - Under R22 personal data goes at the moment when a consumer prospect's last consent does,
      and a consent that arrives later but is older does not bring it back. So a prospect says
      no to everything, as the last word, or not at all; and a consumer who ever orders does not
      also sign up: the data of a sign-up may go before the order arrives.

    Everything is dated in the past, so that the moment of receipt dates nothing (R4).
    """
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=200)
    options = Options(poison=poison)
    generator = Generator(seed, start=start, customers=count // 4, options=options)
    generated = generator.take(count * 3)
    kept = list(islice(_in_any_order(generated), count * 97 // 100))
    records = [Outgoing(one.topic, one.key, one.value, one.headers) for one in kept]
    records += islice(_last_words(kept), count - len(records))
    assert len(records) == count, f"only {len(records)} of the generated events can be used"
    return records


def _in_any_order(generated: Iterable[Published]) -> Iterator[Published]:
    everything = list(generated)
    fit = [one for one in everything if one.dead_letter is None]
    customers = {_person(one) for one in fit if _event(one)["type"] == "order.placed"}
    companies = {_person(one) for one in fit if _kind(one) == "business"}
    for published in everything:
        if published.dead_letter is not None:
            yield published
            continue
        event, person = _event(published), _person(published)
        if event["data"].get("collection"):
            continue
        if person is None or person in companies or published.topic == PROSPECTS.name:
            yield published
        elif event["type"] == "signup.received":
            if person not in customers and event["data"].get("consents"):
                yield published
        elif event["type"] in ("ban.placed", "ban.lifted", "consent.withdrawn"):
            if person in customers:
                yield published
        elif event["type"] != "profile.updated":
            yield published


def _last_words(kept: Iterable[Published]) -> Iterator[Outgoing]:
    """Prospects ban everything, a day after all else was said."""
    fit = [_event(one) for one in kept if one.dead_letter is None]
    signups = [one for one in fit if one["type"] == "signup.received"]
    after = timedelta(days=199)
    start = min(datetime.fromisoformat(signup["time"]) for signup in signups)
    for signup in signups:
        said = {"source": signup["source"], "time": (start + after).isoformat()}
        yield structured(CONSENTS.name, ban(signup["subject"], **said))


def _person(published: Published) -> str | None:
    """The number that the generator's channels all have of a person; None: no one is named."""
    subject: str | None = _event(published).get("subject")
    return subject.split("-", 1)[1] if subject else None


def _kind(published: Published) -> str | None:
    party = _event(published)["data"].get("party") or {}
    kind: str | None = party.get("kind") if "name" in party else None
    return kind


def _event(published: Published) -> Json:
    assert published.event is not None
    return published.event
