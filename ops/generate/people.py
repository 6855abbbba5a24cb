"""The invented population: persons, companies and households, and the ways they are spelled."""

import random
import unicodedata
from dataclasses import dataclass
from typing import Any

from ops.generate.vocabulary import (
    COMPANY_TRADES,
    COMPANY_WORDS,
    FAMILY,
    GIVEN,
    MOBILE_PREFIXES,
    PLACES,
    ROLES,
    STREETS,
)

Json = dict[str, Any]

BUSINESS_SHARE = 0.25
"""Share of the persons who act for a company."""
HOUSEHOLD_SHARE = 0.15
"""Share of consumers who move in with a consumer invented before them."""
SHARED_EMAIL, SHARED_PHONE = 0.3, 0.3
"""Share of household members who use the other's e-mail; then, of the rest, the phone."""
NO_ROLE_SHARE = 0.15
"""Share of business contacts whose role nobody gave."""
COLLEAGUES = 4
"""Contacts of one company, on average."""

_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Company:
    """A company; `business_id` stands in the written form `1234567-8` (R55)."""

    business_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person; `number` counts the population from 1."""

    number: int
    given: str
    family: str
    email: str
    phone: str
    street: str
    postal_code: str
    city: str
    language: str
    company: Company | None
    role: str | None

    @property
    def kind(self) -> str:
        """The party's `kind`."""
        return "consumer" if self.company is None else "business"


class Population:
    """Invents persons one after another, from a random stream of its own.

    The person of a number is the same for the same seed, whatever else is generated.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._count = 0
        self._consumers: list[Person] = []
        self._companies: list[Company] = []

    def __len__(self) -> int:
        """How many persons have been invented."""
        return self._count

    def invent(self) -> Person:
        """The next person."""
        self._count += 1
        if self._rng.random() < BUSINESS_SHARE:
            return self._stranger(self._company())
        if self._consumers and self._rng.random() < HOUSEHOLD_SHARE:
            person = self._relative(self._rng.choice(self._consumers))
        else:
            person = self._stranger(None)
        self._consumers.append(person)
        return person

    def _stranger(self, company: Company | None) -> Person:
        rng = self._rng
        given, family = rng.choice(GIVEN), rng.choice(FAMILY)
        postal_code, city = rng.choice(PLACES)
        role = rng.choice(ROLES) if company and rng.random() >= NO_ROLE_SHARE else None
        return Person(
            number=self._count,
            given=given,
            family=family,
            email=_email(given, family, self._count),
            phone=f"+358{rng.choice(MOBILE_PREFIXES)}{rng.randrange(10**6, 10**7)}",
            street=f"{rng.choice(STREETS)} {rng.randint(1, 98)}",
            postal_code=postal_code,
            city=city,
            language=rng.choices(("fi", "sv", "en"), (88, 8, 4))[0],
            company=company,
            role=role,
        )

    def _relative(self, other: Person) -> Person:
        rng = self._rng
        given = rng.choice([name for name in GIVEN if name != other.given])
        email, phone = _email(given, other.family, self._count), other.phone
        if rng.random() < SHARED_EMAIL:
            email = other.email
        if email == other.email or rng.random() >= SHARED_PHONE:
            phone = f"+358{rng.choice(MOBILE_PREFIXES)}{rng.randrange(10**6, 10**7)}"
        return Person(
            number=self._count,
            given=given,
            family=other.family,
            email=email,
            phone=phone,
            street=other.street,
            postal_code=other.postal_code,
            city=other.city,
            language=other.language,
            company=None,
            role=None,
        )

    def _company(self) -> Company:
        rng = self._rng
        if self._companies and rng.random() < 1 - 1 / COLLEAGUES:
            return rng.choice(self._companies)
        name = f"{rng.choice(COMPANY_WORDS)}{rng.choice(COMPANY_TRADES).lower()} Oy"
        company = Company(business_id(rng), name)
        self._companies.append(company)
        return company


def business_id(rng: random.Random) -> str:
    """An invented business id with a right check digit, in a range that is not in use (9…)."""
    while True:
        digits = f"9{rng.randrange(10**6):06}"
        remainder = sum(int(d) * w for d, w in zip(digits, _CHECK_WEIGHTS, strict=True)) % 11
        if remainder != 1:  # such numbers have no check digit and are never given out
            return f"{digits}-{0 if remainder == 0 else 11 - remainder}"


def party(person: Person) -> Json:
    """The party as a careful channel writes it (contract, "Shared types")."""
    written: Json = {
        "kind": person.kind,
        "name": {"given": person.given, "family": person.family},
        "email": person.email,
        "phone": person.phone,
        "address": address(person),
        "language": person.language,
    }
    if person.company is not None:
        company = {"business_id": person.company.business_id, "name": person.company.name}
        written["company"] = company | ({"role": person.role} if person.role else {})
    return written


def respelled(person: Person, rng: random.Random) -> Json:
    """The party as another channel writes it: same person, other spelling (R50, R53, R54)."""
    written = party(person)
    written["name"] = {
        "given": _respell_name(person.given, rng),
        "family": _respell_name(person.family, rng),
    }
    # Only the case may differ: consents compare e-mails exactly but for case.
    written["email"] = rng.choice((person.email, person.email.upper(), person.email.title()))
    national = "0" + person.phone.removeprefix("+358")
    written["phone"] = rng.choice(
        (
            person.phone,
            national,
            f"{national[:3]} {national[3:6]} {national[6:]}",
            f"{national[:3]}-{national[3:]}",
            f"+358 {national[1:3]} {national[3:]}",
        )
    )
    for optional in ("address", "language"):
        if rng.random() < 0.3:
            del written[optional]
    return written


def address(person: Person) -> Json:
    """The postal address, as on the wire."""
    return {
        "street": person.street,
        "postal_code": person.postal_code,
        "city": person.city,
        "country": "FI",
    }


def folded(text: str) -> str:
    """The text without accents."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _respell_name(name: str, rng: random.Random) -> str:
    decomposed = unicodedata.normalize("NFD", name)
    return rng.choice((name, name.upper(), name.lower(), folded(name), f" {name} ", decomposed))


def _email(given: str, family: str, number: int) -> str:
    local = f"{given}.{family}".lower()
    return f"{folded(local)}{number}@example.fi"
