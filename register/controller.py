"""Who keeps the register: what every letter and notice says of the controller (S1 to S3, S50)."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from schemas.terms import Language

# A misspelled name in the file is an error, not a text that silently goes missing.
_STRICT = ConfigDict(extra="forbid")


class ControllerError(Exception):
    """The controller's file cannot be read, or lacks what letters need; says where."""


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """A postal address; `country` is an ISO 3166-1 alpha-2 code."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    street: str
    postal_code: str
    city: str
    country: str

    @property
    def lines(self) -> tuple[str, str]:
        """As on an envelope within the country."""
        return (self.street, f"{self.postal_code} {self.city}")


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The controller's e-mail addresses (S1)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    general: str
    business_customers: str
    customer_service: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask in matters of the register (S2)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    email: str
    address: PostalAddress


@dataclass(frozen=True, slots=True)
class AccessRequests:
    """The address for access requests, line by line (S36)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """The supervisory authority, in one language."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    lines: tuple[str, ...]
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class Texts:
    """What data subjects are told in one language (the notice's sections 4 to 9, GDPR 13 to 15).

    `purposes` are S4's, `data_groups` section 5, `sources` section 6, `recipients` and `rights`
    section 7, `transfers` section 8, `protection` section 9. `retention` says in words what the
    setting FORMER_CUSTOMER_RETENTION_DAYS (R26) does.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    register_described: str
    purposes: tuple[str, ...]
    legal_bases: str
    joint_marketing: str
    data_groups: tuple[str, ...]
    sources: str
    recipients: str
    transfers: str
    retention: str
    automated_decisions: str
    provision: str
    protection: str
    rights: tuple[str, ...]
    complaint: str
    authority: Authority


@dataclass(frozen=True, slots=True)
class Controller:
    """The controller and its register; `texts` holds every language."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    short_name: str
    phone: str
    register_name: str
    address: PostalAddress
    mailboxes: Mailboxes
    contact: Contact
    access_requests: AccessRequests
    texts: dict[Language, Texts]


_CONTROLLER = TypeAdapter(Controller)


def load(path: Path | None = None) -> Controller:
    """Read the controller's file, `register/controller.toml` unless another is given.

    Raises `ControllerError` where it cannot be read, lacks a field or a language, or has a
    field that nobody knows.
    """
    source = path or resources.files("register").joinpath("controller.toml")
    try:
        data = tomllib.loads(source.read_text("utf-8"))
        controller = _CONTROLLER.validate_python(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ControllerError(f"{source}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ControllerError(f"{source}: {where}: {first['msg']}") from error
    missing = sorted(set(Language) - controller.texts.keys())
    if missing:
        raise ControllerError(f"{source}: texts: no {', '.join(missing)}")
    return controller
