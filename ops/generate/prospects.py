"""Events of prospects: sign-ups with and without consents, and listings."""

from ops.generate.people import Json, Person, party, respelled
from ops.generate.permissions import WORDINGS, consent_scope
from ops.generate.published import LISTING, SIGNING_UP
from ops.generate.world import Draft, World
from topics import PROSPECTS, SIGNUPS

_FORMS = ("newsletter", "competition", "event", "interest", "account")


def signup(world: World) -> Draft | None:
    """A newcomer signs up, with consents inside (R21)."""
    person = world.newcomer()
    if person is None:
        return None
    return _signup(world, person, party(person), consents=True)


def signup_without_consent(world: World) -> Draft | None:
    """A newcomer signs up without any consent: refused, if a consumer (R21)."""
    person = world.newcomer()
    if person is None:
        return None
    return _signup(world, person, party(person), consents=False)


def signup_elsewhere(world: World) -> Draft | None:
    """A known person signs up at another channel and is spelled otherwise (R50)."""
    known = world.acquaintance()
    if known is None:
        return None
    written = respelled(known.person, world.rng)
    return _signup(world, known.person, written, consents=world.rng.random() < 0.7)


def business_listing(world: World) -> Draft | None:
    """A directory lists a business contact: a newcomer, or one who is known (R23)."""
    known = world.anybody("business")
    if known is not None and world.rng.random() < 0.3:
        return _listing(world, known.person)
    person = world.newcomer()
    if person is None:
        return None
    if person.company is None:
        return _signup(world, person, party(person), consents=True)
    return _listing(world, person)


def consumer_listing(world: World) -> Draft | None:
    """A directory lists a consumer: refused, whoever it is (R23)."""
    known = world.anybody("consumer")
    return None if known is None else _listing(world, known.person)


def _signup(world: World, person: Person, written: Json, *, consents: bool) -> Draft:
    rng = world.rng
    account = world.account(rng.choice(SIGNING_UP), person)
    data: Json = {"party": written, "form": rng.choice(_FORMS)}
    if consents:
        data["consents"] = [
            {"scope": consent_scope(rng), "wording": rng.choice(WORDINGS)}
            for _ in range(rng.choices((1, 2), (80, 20))[0])
        ]
    if rng.random() < 0.2:
        data["profiling"] = {"heard_from": rng.choice(("friend", "advert", "event"))}
    return Draft(SIGNUPS.name, account.source, "signup.received", account.subject, data)


def _listing(world: World, person: Person) -> Draft:
    rng = world.rng
    account = world.listing(rng.choice(LISTING), person)
    origin = rng.choice(("public_register", "directory", "partner", "event"))
    data = {"party": party(person), "listed_in": f"{origin} 2025", "origin": origin}
    return Draft(PROSPECTS.name, account.source, "prospect.listed", account.subject, data)
