"""Where the register is: from the environment, as the workers read it."""

import os

from register.cli.errors import usage
from register.rules.digest import Digester

DATABASE_URL = "DATABASE_URL"
KAFKA_BOOTSTRAP_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
DIGEST_SECRET = "DIGEST_SECRET"
TOPIC_PREFIX = "TOPIC_PREFIX"


def required(name: str) -> str:
    """A variable that has no default; raises `CliError` where it is missing or empty."""
    value = os.environ.get(name)
    if not value:
        raise usage(f"{name} is not set. On a local stack: set -a; . .local/env; set +a")
    return value


def topic_prefix() -> str:
    """What stands before every topic's name."""
    return os.environ.get(TOPIC_PREFIX, "")


def digester() -> Digester:
    """Digests under the deployment's secret; raises `CliError` for one that is too short."""
    try:
        return Digester(required(DIGEST_SECRET).encode())
    except ValueError as error:
        raise usage(str(error)) from None
