"""Keyed digests: how the register knows again whom it no longer knows (R7, R25)."""

import hmac
import uuid
from datetime import datetime
from typing import NamedTuple

from register.rules import normalise
from schemas.terms import PointKind


class Point(NamedTuple):
    """A contact point, company or channel identity, as 32 bytes of HMAC-SHA-256."""

    kind: PointKind
    digest: bytes


class Digester:
    """HMAC-SHA-256 under the deployment's secret, over normalised values.

    The same secret must be used for the life of the register: a ban is found again by digest.
    """

    def __init__(self, secret: bytes) -> None:
        """Take the secret; raises `ValueError` if it is shorter than 16 bytes."""
        if len(secret) < 16:
            raise ValueError("DIGEST_SECRET must be at least 16 bytes long")
        self._keyed = hmac.new(secret, digestmod="sha256")

    def _hmac(self, message: bytes) -> bytes:
        keyed = self._keyed.copy()  # the key is taken in once, not for each of an event's dozen
        keyed.update(message)
        return keyed.digest()

    def _digest(self, text: str) -> bytes:
        return self._hmac(text.encode())

    def email(self, address: str) -> Point:
        """Ban-register digest of an e-mail address, compared generously (R54)."""
        return Point(PointKind.EMAIL, self._digest(normalise.email_generous(address)))

    def phone(self, e164: str) -> Point:
        """Ban-register digest of a phone number in E.164 (R53)."""
        return Point(PointKind.PHONE, self._digest(e164))

    def address(self, street: str, postal_code: str, city: str, country: str) -> Point:
        """Ban-register digest of a postal address."""
        text = normalise.address(street, postal_code, city, country)
        return Point(PointKind.POST, self._digest(text))

    def company(self, business_id: str) -> Point:
        """Ban-register digest of a business id, `1234567-8`."""
        return Point(PointKind.COMPANY, self._digest(business_id))

    def identity(self, source: str, subject: str) -> bytes:
        """Digest of a channel identity."""
        return self._digest(f"{source}\n{subject}")

    def exact_email(self, address: str) -> bytes:
        """Digest of an e-mail address, compared by case only (R54); 16 bytes."""
        return self.match_key("exact", normalise.email_exact(address))

    def match_key(self, *parts: str) -> bytes:
        """Digest of what makes two identities one person (R50); 16 bytes."""
        return self._digest("match\n" + "\n".join(parts))[:16]

    def body(self, canonical: bytes) -> bytes:
        """Digest of an event's body, to tell a duplicate from a conflict (R1); 16 bytes."""
        return self._hmac(canonical)[:16]

    def customer_id(self, identity: bytes, epoch: int) -> uuid.UUID:
        """The register's id for the person whose oldest identity this is.

        It is derived, so that every order of delivery gives the same id (R2, R51). `epoch`
        (microseconds of the last erasure, else 0) makes a person who comes back after an
        erasure somebody new (R25).
        """
        # Signed: what is dated before 1970 counts backwards.
        text = b"customer" + identity + epoch.to_bytes(8, signed=True)
        return _uuid8(self._hmac(text))


def epoch_of(erased: datetime) -> int:
    """The epoch of `Digester.customer_id` after an erasure."""
    return int(erased.timestamp() * 1_000_000)


def _uuid8(digest: bytes) -> uuid.UUID:
    """RFC 9562 version 8 out of the first 16 bytes."""
    value = int.from_bytes(digest[:16])
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return uuid.UUID(int=value)
