"""What the rules are given of the register for a batch, and what they give back."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from register.rules.bans import Entry
from register.rules.facts import Fact, JsonDict
from register.rules.intake import Intake
from register.rules.outcomes import Refused
from schemas.terms import Audience, Denial, PointKind, Purpose


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """A channel identity as held; `source` and `subject` are None where only the digest is."""

    digest: bytes
    person_id: uuid.UUID
    source: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A customer id ever used: its last version, the hash of its last message (None after a
    tombstone), the id it was merged into, and the hash of what it is found by."""

    person_id: uuid.UUID
    version: int
    content: bytes | None
    alias_of: uuid.UUID | None
    found_by: bytes | None = None


@dataclass(frozen=True, slots=True)
class KnownDigest:
    """A digest of the ban register: last version, hash of its last message (None: tombstone)."""

    digest: bytes
    kind: PointKind
    version: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The part of the register that a batch can touch, read under its locks.

    `identities` holds every identity of every person touched; `by_match_key` the identities
    known under the batch's match keys; `facts` those identities' facts; `persons` every
    customer id that these identities have or could have; `entries` what is written under every
    digest that the batch or these persons name, and under the identities that placed it;
    `agreements` the purposes for which a partner's agreement is active; `disclosures` what was
    handed to partners, for the persons of an access request.
    """

    identities: Mapping[bytes, KnownIdentity]
    by_match_key: Mapping[bytes, Sequence[bytes]]
    facts: Mapping[bytes, Sequence[Fact]]
    persons: Mapping[uuid.UUID, KnownPerson]
    entries: Mapping[bytes, Sequence[Entry]]
    digests: Mapping[bytes, KnownDigest]
    agreements: frozenset[Purpose]
    disclosures: Mapping[uuid.UUID, Sequence[JsonDict]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EligibilityChange:
    """A new message for a customer id; `data` None is a tombstone."""

    person_id: uuid.UUID
    version: int
    content: bytes | None
    data: JsonDict | None
    cause: Intake | None


@dataclass(frozen=True, slots=True)
class BanChange:
    """A new message for a digest; `data` None is a tombstone."""

    digest: bytes
    kind: PointKind
    version: int
    content: bytes | None
    data: JsonDict | None
    cause: Intake | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that a rule turned away."""

    intake: Intake
    refused: Refused


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What a person, as decided, is found by: never sent.

    `points` are digests of the contact points held now; `exact_email` tells apart addresses
    that bans take for one (R54); `consented_products` are cells that a consent opens for a
    product alone; `former_since` starts the retention of a former consumer customer (R26);
    `bought` are products and groups of orders that run; `disclosure_denial` says why the
    `disclosure` cell is denied (R63; None: allowed). `refuses_disclosure`, name, address and
    `rectified` tell whether partners must be told (R65). `found_by` is the hash of what is stored
    of the row, `changed` whether it differs from the last.
    """

    person_id: uuid.UUID
    points: tuple[bytes, ...]
    exact_email: bytes | None
    consented_products: Mapping[str, int]
    former_since: datetime | None
    audience: Audience
    bought: frozenset[str]
    disclosure_denial: Denial | None
    refuses_disclosure: bool
    name: JsonDict | None
    address: JsonDict | None
    rectified: bool
    found_by: bytes
    changed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended: done if `reason` is None; an access request brings its report."""

    intake: Intake
    reason: str | None = None
    report: JsonDict | None = None


@dataclass(slots=True)
class Changes:
    """All that a batch changes; every list may be empty.

    `stored` are the facts to keep (with `party` None where it must not be held);
    `erased_parties` the facts whose personal data goes; `erased_facts` those that go altogether
    (R25, R26). `identities` maps each identity to its person and, only while the person is
    present, to its name; `aliases` maps a customer id to the one it was merged into, or to None
    where it stands for itself again. `links` are new (match key, identity) (R50, R52);
    `forgotten` the identities of whom not even match keys stay, but for those among `links`, and
    no contact points, but for those of the facts `used_still`; `persons` says of every person
    decided what the register finds them by; `decided` are all ids that were decided.
    """

    stored: list[Fact] = field(default_factory=list)
    erased_parties: list[uuid.UUID] = field(default_factory=list)
    identities: list[KnownIdentity] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    removed_entries: list[Entry] = field(default_factory=list)
    aliases: dict[uuid.UUID, uuid.UUID | None] = field(default_factory=dict)
    eligibility: list[EligibilityChange] = field(default_factory=list)
    bans: list[BanChange] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    erased_facts: list[uuid.UUID] = field(default_factory=list)
    forgotten: list[bytes] = field(default_factory=list)
    used_still: list[Fact] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    persons: list[PersonRow] = field(default_factory=list)
    decided: set[uuid.UUID] = field(default_factory=set)
