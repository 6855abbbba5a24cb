"""Free loopback ports that stay the same from one start to the next."""

import os
import random
import socket

from ops.stack.errors import StackError

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (32768 and up): a client's outgoing connection
# can never sit on one of these while our server is down.
_RANGE = "20000-31999"

RANGE_VARIABLE = "LOOPBACK_PORTS"
"""Environment variable that narrows the range, so that two who start servers at the same time
do not take each other's: `20000-25999`."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection in TIME_WAIT does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """So many different free loopback ports; raises StackError like `free_port`."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port(ports))
    return sorted(ports)


def free_port(taken: set[int] | None = None) -> int:
    """A free loopback port that is not in `taken`.

    Raises StackError when none of a thousand tried is free.
    """
    unwanted = taken or set()
    first, last = (int(end) for end in os.environ.get(RANGE_VARIABLE, _RANGE).split("-"))
    for port in random.sample(range(first, last + 1), 1000):
        if port not in unwanted and is_free(port):
            return port
    raise StackError(
        f"no free loopback port between {first} and {last}: "
        "stop what listens there (`ss -ltn` lists it) and run this again"
    )
