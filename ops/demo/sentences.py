"""Decisions as plain sentences, without personal data."""

from typing import Any

_CHANNELS = {
    "email": "by e-mail",
    "sms": "by text message",
    "automated_call": "by automated call",
    "phone": "by phone",
    "post": "by post",
}


def decision(data: dict[str, Any], previous: dict[str, Any] | None) -> str:
    """One cell of a customer's eligibility that changed, or the first one, in words."""
    who = f"customer {data['customer_id'][:8]}…"
    before = _cells(previous) if previous is not None else {}
    now = _cells(data)
    changed = {cell: verdict for cell, verdict in now.items() if before.get(cell) != verdict}
    if not changed:
        return f"{who}: contact points or products changed (version {data['version']})"
    # A new ban says more than the allowed cells around it.
    cell = max(changed, key=lambda one: (_banned(changed[one]), one[0] == "newsletter"))
    more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
    return f"{who}: {_words(cell[0])} {_CHANNELS[cell[1]]} {changed[cell]}{more}"


def ban(scope: dict[str, Any]) -> str:
    """What a ban forbids."""
    purposes = ", ".join(map(_words, scope.get("purposes", ()))) or "all marketing"
    channels = " or ".join(_CHANNELS[channel] for channel in scope.get("channels", ()))
    products = ", ".join(scope.get("products", ()))
    return " ".join(part for part in (purposes, channels, products and f"for {products}") if part)


def tombstone(key: str) -> str:
    """A customer who is held no longer."""
    return f"customer {key[:8]}…: no longer held"


def refusal(data: dict[str, Any]) -> str:
    """An event that a rule turned away."""
    return f"refused {data['type']} by {data['rule']}: {_words(data['reason'])}"


def _cells(data: dict[str, Any]) -> dict[tuple[str, str], str]:
    """(purpose, channel) to its verdict in words."""
    return {
        (purpose, channel): f"{verdict}: {_words(reason)}"
        for part, verdict in (("allow", "allowed"), ("deny", "denied"))
        for purpose, channels in data[part].items()
        for channel, reason in channels.items()
    }


def _banned(verdict: str) -> bool:
    return verdict == "denied: banned"


def _words(code: str) -> str:
    return code.replace("_", " ")
