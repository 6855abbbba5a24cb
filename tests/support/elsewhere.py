"""One small world many times over: the same events, said by and about other people."""

import re
from typing import Any

from tests.support.events import COMPANY, OTHER_COMPANY, Json

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
_REFERENCES = frozenset({"subject", "order_id", "request_id", "id"})
_COMPANIES = (COMPANY, OTHER_COMPANY)


def elsewhere(world: list[Json], number: int) -> list[Json]:
    """The events with other ids, references, names, contact points and companies, so that no
    two worlds meet. What was spelled in two ways still is; `number` is below 10,000."""
    return [_moved(event, number, "") for event in world]


def _moved(value: Any, number: int, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _moved(inner, number, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, number, name) for inner in value]
    if name in _REFERENCES:
        return f"{value}-{number}"
    if name == "email":
        return re.sub("(?=[+@])", f".{number}", value, count=1)
    if name == "phone":
        return re.sub(r"(\d) ?(?:\d ?){5}\d$", rf"\g<1>{number:06d}", value)
    if name in ("street", "family"):
        return f"{value} {_letters(number)}"
    if name == "business_id":
        return _business_id(2 * number + _COMPANIES.index(value))
    return value


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _business_id(number: int) -> str:
    """Another company for every number, with a right check digit (R55)."""
    digits = f"{2_000_000 + 7 * number:07d}"
    left = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11
    return _business_id(number + 100_000) if left == 1 else f"{digits}-{(11 - left) % 11}"
