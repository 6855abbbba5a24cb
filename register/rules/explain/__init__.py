"""Why a cell is allowed or denied: the rule and the events behind it, now or at a past moment.

Nothing here decides: `fold` and `decide` do, on the facts that were known then (`case`). The
rest finds among those facts the ones on which an outcome rests (`finders`): the proof of a
consent (R10), whose ban it is and since when, or what is missing.
"""

from register.rules.explain.case import Case, Known, KnownEntry, person_at
from register.rules.explain.evidence import Evidence, Role, of_fact
from register.rules.explain.grounds import Missing
from register.rules.explain.why import Why, remains, why

__all__ = [
    "Case",
    "Evidence",
    "Known",
    "KnownEntry",
    "Missing",
    "Role",
    "Why",
    "of_fact",
    "person_at",
    "remains",
    "why",
]
