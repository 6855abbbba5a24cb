"""How long a batch is tried that fails as in an outage, while the register takes in all else."""

import time

_TRIES = 5


class Patience:
    """Ends once a batch has failed five times, over so many seconds, without the register having
    failed in between: then it is the batch and no outage."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tries = 0
        self._since = 0.0

    def ends(self, *, register_works: bool) -> bool:
        """Whether it is at an end, after one more failure of the batch."""
        if not register_works:
            self._tries = 0
            return False
        if not self._tries:
            self._since = time.monotonic()
        self._tries += 1
        return self._tries >= _TRIES and time.monotonic() - self._since >= self._seconds
