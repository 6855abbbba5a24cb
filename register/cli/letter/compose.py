"""From an access report to a letter: everything that is held, section by section (R60, S35).

The report is JSON as it stands on `register.responses` (contract, `access.reported`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from register.cli.letter.document import (
    Block,
    Bullets,
    Closing,
    Heading,
    Letter,
    Numbered,
    Pairs,
    Paragraph,
    Table,
)
from register.cli.letter.words import Words, words
from register.controller import Controller
from register.rules.cells import CELLS
from schemas.terms import Channel, Language, Purpose

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reported:
    """An access report as published: the request it answers, and when the data stood so."""

    request_id: str
    time: datetime
    report: Json


def compose(
    reported: Reported, controller: Controller, language: Language, written: datetime
) -> Letter:
    """Write the letter that answers the request; `written` is its date."""
    say = words(language)
    contact = reported.report["contact"]
    blocks = [*_opening(reported, controller, say)]
    for name, section in _SECTIONS.items():
        blocks.append(Heading(say.text("heading", name)))
        found = list(section(reported.report, say))
        blocks.extend(found or [Paragraph(say.text("text", "nothing"))])
    blocks.extend(_processing(controller, say))
    blocks.append(Closing([say.text("text", "signature"), controller.name]))
    return Letter(
        language=language,
        title=say.text("text", "title"),
        sender=[controller.name, *controller.address.lines, controller.phone],
        recipient=_recipient(contact),
        reference=[
            (say.text("text", "date"), say.day(written)),
            (say.text("text", "reference"), reported.request_id),
        ],
        blocks=blocks,
        foot=_foot(controller, say),
        page=say.sections["text"]["page"],
        written=written,
    )


def _recipient(contact: Json) -> list[str]:
    address = contact.get("address")
    lines = [_name(contact)]
    if address:
        lines += [address["street"], f"{address['postal_code']} {address['city']}"]
        if address["country"] != "FI":
            lines.append(address["country"])
    elif contact.get("email"):
        lines.append(contact["email"])
    return [line for line in lines if line]


def _name(contact: Json) -> str:
    name = contact.get("name") or {}
    return " ".join(filter(None, [name.get("given"), name.get("family")]))


def _foot(controller: Controller, say: Words) -> list[str]:
    contact = controller.contact
    register = controller.register_name
    if say.language is not Language.FI:
        register += f" ({controller.texts[say.language].register_described})"
    return [
        f"{controller.name} · {register}",
        _colon(say, "contact", f"{contact.name}, {contact.email}"),
    ]


def _opening(reported: Reported, controller: Controller, say: Words) -> Iterator[Block]:
    name = _name(reported.report["contact"])
    greeting = say.text("text", "greeting", name=name) if name else ""
    yield Paragraph(f"{greeting or say.text('text', 'greeting_nameless')},")
    moment = say.moment(reported.time)
    yield Paragraph(say.text("text", "intro", register=controller.register_name, moment=moment))


def _colon(say: Words, label: str, value: str) -> str:
    return say.text("text", "colon", label=say.text("label", label), value=value)


# The report's sections


def _person(report: Json, say: Words) -> Iterator[Block]:
    rows = list(_particulars(report["contact"], say))
    if report["eligibility"]:
        audience = say.code("audience", report["eligibility"]["audience"])
        rows.append((say.text("label", "audience"), audience))
    for one in report["identity"]:
        rows.append((say.text("label", "identity"), f"{one['subject']} ({one['source']})"))
    yield from _pairs(rows)


def _company(report: Json, say: Words) -> Iterator[Block]:
    yield from _pairs(list(_company_rows(report["company"] or {}, say)))


def _orders(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.day(_moment(order["time"])),
            order["order_id"],
            ", ".join(_line(line) for line in order["lines"]),
            say.euros(sum(line["quantity"] * line["price_cents"] for line in order["lines"])),
            say.text("sentence", "order_active")
            if order["active"]
            else say.text("sentence", "order_over", day=say.day(_moment(order["over"]))),
        ]
        for order in report["orders"]
    ]
    heads = ("time", "order_id", "products", "price", "state")
    yield from _table(say, heads, rows, (4, 4, 8, 3, 5))


def _line(line: Json) -> str:
    times = f"{line['quantity']} × " if line["quantity"] != 1 else ""
    return f"{times}{line['product']} ({line['category']})"


def _billing(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.day(_moment(one["time"])),
            say.code("billing", one["status"]),
            one.get("invoice_ref", ""),
        ]
        for one in report["billing"]
    ]
    yield from _table(say, ("time", "state", "invoice"), rows, (4, 6, 14))


def _profiling(report: Json, say: Words) -> Iterator[Block]:
    yield from _pairs(list(_answers(report["profiling"], say)))


def _consents(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.day(_moment(one["time"])),
            _scope(one["scope"], say),
            _lines(one["wording"], _labelled(say, "evidence", one)),
            _stands(one, say),
            one["source"],
        ]
        for one in report["consents"]
    ]
    heads = ("time", "scope", "wording", "state", "source")
    yield from _table(say, heads, rows, (4, 8, 6, 4, 6))


def _bans(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.day(_moment(one["time"])),
            _lines(
                say.code("ban", one["kind"]),
                _labelled(say, "wording", one),
                _labelled(say, "recorded_by", one),
                _labelled(say, "evidence", one),
                _labelled(say, "request_id", one),
            ),
            _lines(
                _scope(one["scope"], say) if one["scope"].get("purposes") != [] else None,
                say.text("sentence", "collection") if one.get("collection") else None,
            ),
            _stands(one, say),
            one.get("source", ""),
        ]
        for one in report["bans"]
    ]
    heads = ("time", "what", "scope", "state", "source")
    yield from _table(say, heads, rows, (4, 7, 7, 4, 6))


def _labelled(say: Words, name: str, holder: Json) -> str | None:
    return _colon(say, name, holder[name]) if holder.get(name) else None


def _labelled_code(say: Words, name: str, holder: Json) -> str | None:
    return _colon(say, name, say.code(name, holder[name])) if holder.get(name) else None


def _stands(said: Json, say: Words) -> str:
    """Whether it is in force; the end of a ban is not a thing that is."""
    if "stands" not in said:
        return ""
    return say.text("text", "in_force" if said["stands"] else "not_in_force")


def _eligibility(report: Json, say: Words) -> Iterator[Block]:
    """Each purpose by each channel, and the grounds by number under the table."""
    message = report["eligibility"]
    if not message:
        return
    grounds: dict[str, int] = {}
    rows: list[list[str]] = []
    for purpose in Purpose:
        row = [say.code("purpose", purpose)]
        for channel in Channel:
            row.append(_permission(message, purpose, channel, say, grounds))
        rows.append(row)
    heads = ["", *(say.code("channel", channel) for channel in Channel)]
    yield Table(heads, rows, (7, 4, 4, 4, 4, 4))
    yield Paragraph(say.text("text", "reading_hint"))
    yield Numbered(list(grounds))
    products = message["products"]
    notes: list[str] = []
    if products["soft_opt_in"]:
        listed = ", ".join(products["soft_opt_in"])
        notes.append(say.text("sentence", "soft_opt_in", products=listed))
    for one in products["denied"]:
        scope, reason = _scope(one, say), say.code("denial", one["reason"])
        notes.append(
            say.text(
                "sentence", "denied_product", product=one["product"], scope=scope, reason=reason
            )
        )
    if notes:
        yield Bullets(notes)


def _permission(
    message: Json, purpose: Purpose, channel: Channel, say: Words, grounds: dict[str, int]
) -> str:
    if not any((purpose, channel) == cell[:2] for cell in CELLS):
        return ""
    basis = message["allow"].get(purpose, {}).get(channel)
    if basis is not None:
        answer, ground = say.text("text", "yes"), say.code("basis", basis)
    else:
        reason = message["deny"].get(purpose, {}).get(channel, "")
        answer, ground = say.text("text", "no"), say.code("denial", reason)
    number = grounds.setdefault(ground, len(grounds) + 1)
    return f"{answer} {number}"


def _disclosures(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.day(_moment(one["disclosed"])),
            _lines(
                say.text("recipient", one["recipient"], partner=_partner(one)),
                _labelled(say, "request_id", one),
            ),
            _lines(_name(one), _address(one.get("address"))),
            say.text(
                "sentence",
                "recalled",
                day=say.day(_moment(one["recalled"])),
                reason=say.code("recall", one["recall_reason"]),
            )
            if one.get("recalled")
            else "",
        ]
        for one in report["disclosures"]
    ]
    if not rows:
        yield Paragraph(say.text("sentence", "not_disclosed"))
    heads = ("time", "recipient", "handed_over", "recalled")
    yield from _table(say, heads, rows, (4, 8, 7, 5))


def _partner(disclosure: Json) -> str:
    """Its name and its id; a report from before names were in it has the id alone."""
    partner_id, name = disclosure.get("partner_id") or "", disclosure.get("partner_name")
    return f"{name} ({partner_id})" if name else partner_id


def _sources(report: Json, _: Words) -> Iterator[Block]:
    if report["sources"]:
        yield Paragraph(", ".join(report["sources"]))


def _log(report: Json, say: Words) -> Iterator[Block]:
    rows = [
        [
            say.moment(_moment(one["time"])),
            _lines(
                say.code("event", one["type"]),
                _labelled_code(say, "form", one),
                _labelled_code(say, "origin", one),
                *(_labelled(say, name, one) for name in _LOGGED),
            ),
            _holds({"kind": one.get("kind"), **one.get("holds", {})}, say),
            one["source"],
            one["id"],
        ]
        for one in report["log"]
    ]
    heads = ("time", "event", "holds", "source", "id")
    yield from _table(say, heads, rows, (5, 7, 9, 6, 5))


_LOGGED = ("listed_in", "order_id", "business_id", "request_id", "ordered_by")
"""What is told of an event as its sender wrote it."""


def _holds(held: Json, say: Words) -> str:
    """What is still held of what an event said of the person, a line for each value."""
    rows = [
        *_particulars(held, say),
        *_company_rows(held.get("company", {}), say),
        *_answers(held.get("profiling", {}), say),
    ]
    return _lines(*(say.text("text", "colon", label=name, value=value) for name, value in rows))


_SECTIONS = {
    "person": _person,
    "company": _company,
    "orders": _orders,
    "billing": _billing,
    "profiling": _profiling,
    "consents": _consents,
    "bans": _bans,
    "eligibility": _eligibility,
    "disclosures": _disclosures,
    "sources": _sources,
    "log": _log,
}
"""Every part of a report, in the order of the letter: by its heading, and what writes it."""

# What the law wants told besides (GDPR 15(1), notice sections 4 to 9)


def _processing(controller: Controller, say: Words) -> Iterator[Block]:
    texts = controller.texts[say.language]
    yield Heading(say.text("heading", "processing"))
    yield Paragraph("", label=say.text("heading", "purposes"))
    yield Bullets(texts.purposes)
    yield Paragraph(texts.joint_marketing)
    for label in ("legal_bases", "recipients", "transfers", "retention", "automated_decisions"):
        yield Paragraph(getattr(texts, label), label=say.text("label", label))
    yield Heading(say.text("heading", "rights"))
    yield Bullets(texts.rights)
    contact = controller.contact
    yield Paragraph(
        say.text(
            "sentence",
            "ask",
            contact=contact.name,
            lines=", ".join(contact.address.lines),
            email=contact.email,
            access=", ".join(controller.access_requests.lines),
        )
    )
    mailbox = controller.mailboxes.customer_service
    yield Paragraph(_colon(say, "customer_service", f"{mailbox}, {controller.phone}"))
    authority = texts.authority
    where = ", ".join([*authority.lines, authority.phone, authority.email])
    yield Paragraph(f"{texts.complaint} {authority.name}, {where}.")


# Parts

_Rows = Iterator[tuple[str, str]]


def _particulars(party: Json, say: Words) -> _Rows:
    """Who somebody is and how to reach them, as far as it is held."""
    rows = (
        ("name", _name(party)),
        ("kind", say.code("kind", party.get("kind") or "")),
        ("email", party.get("email")),
        ("phone", party.get("phone")),
        ("address", _address(party.get("address"))),
        ("language", say.code("language", party.get("language") or "")),
    )
    return ((say.text("label", label), value) for label, value in rows if value)


def _company_rows(company: Json, say: Words) -> _Rows:
    for field, label in (("name", "company"), ("business_id", "business_id"), ("role", "role")):
        if company.get(field):
            yield say.text("label", label), company[field]


def _answers(profiling: Json, say: Words) -> _Rows:
    """What somebody said of themselves."""
    yes_no = {True: say.text("text", "yes"), False: say.text("text", "no")}
    for key, value in sorted(profiling.items()):
        yield str(key), yes_no[value] if isinstance(value, bool) else str(value)


def _address(address: Json | None) -> str:
    if not address:
        return ""
    town = f"{address['postal_code']} {address['city']}"
    return ", ".join([address["street"], town, address["country"]])


def _pairs(rows: Sequence[tuple[str, str]]) -> Iterator[Block]:
    if rows:
        yield Pairs(rows)


def _table(
    say: Words, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[Block]:
    if rows:
        yield Table([say.text("label", head) for head in heads], rows, widths)


def _scope(scope: Json, say: Words) -> str:
    """What a consent or a ban covers; a list that is left out means all."""
    purposes = _codes("purpose", scope.get("purposes"), say) or say.text(
        "sentence", "all_marketing"
    )
    channels = _codes("channel", scope.get("channels"), say).lower() or say.text(
        "sentence", "every_channel"
    )
    products = ", ".join(scope.get("products") or ())
    pattern = "scope_products" if products else "scope"
    return say.text("sentence", pattern, purposes=purposes, channels=channels, products=products)


def _codes(section: str, codes: Iterable[str] | None, say: Words) -> str:
    return ", ".join(say.code(section, code) for code in codes or ())


def _lines(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
