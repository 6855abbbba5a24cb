"""Reads what a screening asks for, as committed."""

import uuid
from collections import defaultdict
from collections.abc import Sequence

from register.rules import normalise
from register.rules.bans import Entry, standing
from register.rules.digest import Digester
from register.rules.facts import JsonDict
from register.rules.screening import Found, decide_known, question
from register.store.pool import Connection
from register.store.reading import read_entries
from register.store.rows import uuid_of
from register.store.sql import queries
from schemas.inbound import ScreenedRecipient, ScreeningData


async def screen(
    connection: Connection, asked: ScreeningData, digester: Digester
) -> list[JsonDict]:
    """Decide every recipient of a screening; answers in the order asked."""
    product = asked.product
    name = normalise.product(product) if product is not None else None
    rows = await connection.fetch(queries.catalogue_of, name) if name is not None else []
    catalogue = [(row["product"], row["category"]) for row in rows]
    what = question(asked.purpose, asked.channel, product, catalogue)
    # By place, not by `ref`: who uses one twice still gets an answer about each address.
    points = [_point(one, digester) for one in asked.recipients]
    by_point = await _by_point(connection, [point for point in points if point])
    by_id = await _by_id(connection, asked.recipients)
    digests = {point[0] for point in points if point is not None}
    entries = await read_entries(connection, digests) if digests else {}
    answers: list[JsonDict] = []
    for one, point in zip(asked.recipients, points, strict=True):
        found = by_point[point] if point is not None else by_id.get(one.customer_id or "", [])
        answers.append(decide_known(what, found, _standing(point, entries)).shown(one.ref))
    return answers


_Point = tuple[bytes, bytes | None]
"""Digest of a contact point; for an e-mail also the digest by case only (R54)."""


def _point(one: ScreenedRecipient, digester: Digester) -> _Point | None:
    """None for a customer id, and for what is no contact point at all."""
    try:
        if one.email is not None:
            address = normalise.email(one.email)
            return digester.email(address).digest, digester.exact_email(address)
        if one.phone is not None:
            return digester.phone(normalise.phone(one.phone)).digest, None
    except normalise.Invalid:
        return None
    return None


def _standing(point: _Point | None, entries: dict[bytes, list[Entry]]) -> list[Entry]:
    known = entries.get(point[0], []) if point is not None else []
    lifts = [
        lift
        for ban in known
        if ban.placed_by is not None
        for lift in entries.get(ban.placed_by, ())
        if lift.is_lift
    ]
    return standing(known, lifts)


async def _by_point(connection: Connection, points: Sequence[_Point]) -> dict[_Point, list[Found]]:
    found: dict[_Point, list[Found]] = defaultdict(list)
    if not points:
        return found
    by_digest: dict[bytes, list[_Point]] = defaultdict(list)
    for point in set(points):
        by_digest[point[0]].append(point)
    for row in await connection.fetch(queries.screened_points, list(by_digest)):
        for point in by_digest[row["digest"]]:
            exact = point[1] is None or point[1] == row["exact_email"]
            found[point].append(Found(row["message"], row["consented_products"] or {}, exact))
    return found


async def _by_id(
    connection: Connection, recipients: Sequence[ScreenedRecipient]
) -> dict[str, list[Found]]:
    asked: dict[uuid.UUID, str] = {}
    for one in recipients:
        if one.customer_id is not None:
            try:
                asked[uuid.UUID(one.customer_id)] = one.customer_id
            except ValueError:
                continue  # no id of ours: unknown
    if not asked:
        return {}
    rows = await connection.fetch(queries.screened_customers, list(asked))
    return {
        asked[uuid_of(row["asked"])]: [Found(row["message"], row["consented_products"] or {})]
        for row in rows
    }
