"""What becomes of an event that does not become a fact.

    RuleError
    └── Refused     a rule turned a well-formed event away: `event.refused`

A message that cannot be read is `schemas.problems.Unreadable` instead: a dead letter.
"""


class RuleError(Exception):
    """A rule of the register says no."""


class Refused(RuleError):
    """A rule turned the event away; holds no personal data (R21)."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule} {reason}")
        self.rule = rule
        self.reason = reason


NO_EVIDENCE = ("R10", "consent_without_evidence")
NO_PRIOR_CONSENT = ("R21", "no_prior_consent")
CONSUMER_LISTING = ("R23", "consumer_listing")
COLLECTION_BANNED = ("R23", "collection_banned")
ERASED = ("R25", "erased")
