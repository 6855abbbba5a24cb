"""What partners may be given, read from `rules.md` alone (R33, R34, R63 to R65)."""

from collections.abc import Iterable

from tests.support.naive_facts import Said

SIGNED = "agreement.signed"
ENDED = "agreement.ended"


def agreed_with(agreements: Iterable[Said]) -> dict[str, Said]:
    """The agreement that is active now, by partner: an end of the same time wins."""
    newest: dict[str, Said] = {}
    for said in sorted(agreements, key=lambda one: (one.time, one.type == ENDED, one.tie)):
        newest[said.data["partner_id"]] = said
    return {partner: said for partner, said in newest.items() if said.type == SIGNED}


def agreed_purposes(agreements: Iterable[Said]) -> frozenset[str]:
    """Purposes that need an agreement, and have one."""
    active = agreed_with(agreements).values()
    return frozenset(purpose for said in active for purpose in said.data["purposes"])
