"""Settings that the rules depend on."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What a deployment may choose.

    `access_requires_signature` restores the notice's own form of an access request (R60).
    `former_customer_retention` is how long a former consumer customer is kept (R26).
    """

    access_requires_signature: bool = False
    former_customer_retention: timedelta = timedelta(days=6 * 365 + 2)
