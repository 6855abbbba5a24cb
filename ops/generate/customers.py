"""Events of customers: orders, their ends, billing, profiles, and contacts who leave."""

from ops.generate.people import Json, party, respelled
from ops.generate.published import ORDERING
from ops.generate.vocabulary import PLACES, PRODUCTS, STREETS
from ops.generate.world import Account, Draft, Order, World
from topics import ORDERS, PROFILES


def first_order(world: World) -> Draft | None:
    """A newcomer orders (R20)."""
    person = world.newcomer()
    if person is None:
        return None
    account = world.account(world.rng.choice(ORDERING), person)
    return _order(world, account, party(person))


def repeat_order(world: World) -> Draft | None:
    """Somebody who is known orders: through the channel that knows them, if it takes orders."""
    known = world.anybody()
    if known is None:
        return None
    source = known.source if known.source in ORDERING else world.rng.choice(ORDERING)
    return _order(world, world.account(source, known.person), party(known.person))


def order_elsewhere(world: World) -> Draft | None:
    """A known person orders through another channel and is spelled otherwise (R50)."""
    known = world.anybody()
    if known is None:
        return None
    others = [source for source in ORDERING if source is not known.source]
    account = world.account(world.rng.choice(others), known.person)
    return _order(world, account, respelled(known.person, world.rng))


def cancellation(world: World) -> Draft | None:
    """An order is cancelled."""
    return _order_end(world, "order.cancelled")


def contract_end(world: World) -> Draft | None:
    """An order's contract ends."""
    return _order_end(world, "contract.ended")


def billing(world: World) -> Draft | None:
    """The state of somebody's invoices changes (R29)."""
    account = world.acquaintance()
    if account is None:
        return None
    status = world.rng.choices(("ok", "overdue", "in_collection"), (75, 20, 5))[0]
    data = {"status": status, "invoice_ref": f"inv-{world.number()}"}
    return Draft(ORDERS.name, account.source, "billing.status-changed", account.subject, data)


def profile(world: World) -> Draft | None:
    """A person moves, changes language, or tells about interests (R29)."""
    account = world.acquaintance()
    if account is None:
        return None
    rng = world.rng
    changed: Json = {"kind": account.person.kind}
    data: Json = {"party": changed}
    what = rng.randrange(3)
    if what == 0:
        postal_code, city = rng.choice(PLACES)
        street = f"{rng.choice(STREETS)} {rng.randint(1, 98)}"
        changed["address"] = {"street": street, "postal_code": postal_code, "city": city}
    elif what == 1:
        changed["language"] = rng.choice(("fi", "sv", "en"))
    else:
        data["profiling"] = {"household_size": rng.randint(1, 6), "interest": _category(world)}
    return Draft(PROFILES.name, account.source, "profile.updated", account.subject, data)


def left_company(world: World) -> Draft | None:
    """A business contact leaves the company (R27)."""
    account = world.acquaintance("business")
    if account is None or account.person.company is None:
        return None
    data = {"business_id": account.person.company.business_id}
    return Draft(PROFILES.name, account.source, "contact.left-company", account.subject, data)


def _order(world: World, account: Account, written: Json) -> Draft:
    rng = world.rng
    order_id = f"order-{world.number()}"
    world.orders.append(Order(account, order_id))
    lines = [
        {"product": product, "category": category, "quantity": 1, "price_cents": cents}
        for product, category, cents in rng.sample(PRODUCTS, rng.choices((1, 2, 3), (70, 22, 8))[0])
    ]
    data: Json = {"order_id": order_id, "party": written, "lines": lines}
    # Left out, both are true; a soft opt-in needs both.
    if rng.random() < 0.1:
        data["marketing_opt_out_offered"] = False
    if rng.random() < 0.05:
        data["contact_obtained_in_sale"] = False
    return Draft(ORDERS.name, account.source, "order.placed", account.subject, data)


def _order_end(world: World, event_type: str) -> Draft | None:
    order = world.pop(world.orders)
    if order is None:
        return None
    account = order.account
    data = {"order_id": order.order_id}
    return Draft(ORDERS.name, account.source, event_type, account.subject, data)


def _category(world: World) -> str:
    return world.rng.choice(PRODUCTS)[1]
