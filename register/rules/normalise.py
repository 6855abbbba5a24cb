"""One spelling for each contact point, name and identifier (R28, R50, R53 to R55)."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu, ytunnus

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_IDENTITY_CODE = re.compile(r"(?<![0-9])[0-3]\d[01]\d\d\d[-+A-FU-Ya-fu-y]\d{3}[0-9A-Ya-y](?![0-9])")
# Trace ids, span ids and UUIDs: their digits look like a code now and then.
_MACHINE_MADE = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z])",
    re.IGNORECASE,
)
# No slash: "040-1234567/8" is two numbers, which read as one would be a stranger's.
_PHONE_SHAPE = re.compile(r"\+?[\d\s().\-–]+")
_SPACES = re.compile(r"\s+")
_REMEMBERED = 4096
"""Values of each kind: who was heard of just now is often heard of again soon."""


class Invalid(ValueError):
    """A value that is not what its field says; carries no value."""


@lru_cache(maxsize=_REMEMBERED)
def phone(text: str) -> str:
    """E.164 form of a phone number, default region FI (R53).

    Raises `Invalid` for anything but exactly one valid number.
    """
    if not _PHONE_SHAPE.fullmatch(text.strip()):
        raise Invalid
    try:
        number = phonenumbers.parse(text, "FI")
    except phonenumbers.NumberParseException:
        raise Invalid from None
    if not phonenumbers.is_valid_number(number):
        raise Invalid
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=_REMEMBERED)
def email(text: str) -> str:
    """The address as given, without outer white space (R54).

    Raises `Invalid` if it is no e-mail address.
    """
    stripped = text.strip()
    _validated(stripped)
    return stripped


def email_exact(address: str) -> str:
    """Key under which consents and identities compare addresses: case only (R54)."""
    return address.lower()


@lru_cache(maxsize=_REMEMBERED)
def email_generous(address: str) -> str:
    """Key under which bans compare addresses: case, +tag, gmail dots, NFC, IDNA (R54)."""
    local, domain = _validated(address)
    local = _caseless(local)
    local = local.split("+", 1)[0] or local
    domain = domain.casefold()
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _caseless(text: str) -> str:
    """Case folded, then composed: some letters have capitals of several code points."""
    folded = unicodedata.normalize("NFD", text).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).casefold())


@lru_cache(maxsize=_REMEMBERED)  # asked twice of each new address, one soon after the other
def _validated(address: str) -> tuple[str, str]:
    try:
        parts = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        raise Invalid from None
    return parts.local_part, parts.ascii_domain


def business_id(text: str) -> str:
    """A business id as `1234567-8`; six-digit old forms are padded (R55).

    Raises `Invalid` if its form or check digit is wrong.
    """
    found = re.fullmatch(r"(\d{6,7})-(\d)", text.strip(), re.ASCII)
    if not found:
        raise Invalid
    padded = f"{found[1]:0>7}-{found[2]}"
    try:
        ytunnus.validate(padded)
    except ValidationError:
        raise Invalid from None
    return padded


def name(given: str | None, family: str | None) -> str:
    """Key under which names compare: case, spaces and accents folded (R50)."""
    return f"{_fold(given or '')}|{_fold(family or '')}"


def address(street: str, postal_code: str, city: str, country: str) -> str:
    """Key under which postal addresses compare: case, spaces and accents folded."""
    return "|".join(_fold(part) for part in (street, postal_code, city, country))


def product(text: str) -> str:
    """Key under which products and product groups compare: case and outer spaces."""
    return text.strip().casefold()


def has_identity_code(text: str) -> bool:
    """Whether a Finnish personal identity code stands anywhere in the text (R28), other than
    inside a trace id or a UUID."""
    return _holds_code(text) and _holds_code(_MACHINE_MADE.sub(" ", text))


def _holds_code(text: str) -> bool:
    return any(
        hetu.is_valid(match.group(), allow_temporary=True)
        for match in _IDENTITY_CODE.finditer(text)
    )


@lru_cache(maxsize=4 * _REMEMBERED)  # names, streets and towns come again
def _fold(text: str) -> str:
    once = unicodedata.normalize("NFKD", text.casefold())
    # Folding what was decomposed may fold more: a mathematical sigma.
    decomposed = unicodedata.normalize("NFKD", once.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _SPACES.sub("", plain)
