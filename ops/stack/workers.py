"""The workers as a background process of the stack."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.processes import Daemon

REPOSITORY = Path(__file__).parents[2]
_READY_S = 60.0
_STOP = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))


class Workers:
    """`python -m workers` in the background, with its pid file and log under `directory`."""

    def __init__(self, directory: Path) -> None:
        self._daemon = Daemon(
            name="the workers",
            pid_file=directory.absolute() / "run" / "worker.pid",
            log_file=directory.absolute() / "log" / "worker.log",
            marker="-m workers",
        )

    def pid(self) -> int | None:
        """The pid of the running workers, or None."""
        return self._daemon.pid()

    def start(self, env: Mapping[str, str]) -> None:
        """Start the workers with `env` unless they run, and wait until they are ready.

        Raises StackError with the end of their log when they do not become ready.
        """
        if self.pid() is None:
            if answers(env["METRICS_URL"]):
                raise StackError(
                    f"other workers already answer at {env['METRICS_URL']} (`make workers` in "
                    "another terminal?): stop them first, or use those"
                )
            command = [sys.executable, "-m", "workers"]
            self._daemon.start(command, cwd=REPOSITORY, env={**os.environ, **env})
        self._daemon.await_ready(lambda: ask_ready(env["METRICS_URL"]), deadline_s=_READY_S)

    def stop(self) -> None:
        """Stop the workers: SIGTERM lets them finish the batch in hand."""
        self._daemon.stop(*_STOP)


def ask_ready(metrics_url: str) -> str | None:
    """What the workers' /readyz still lacks, in words; None when it answers 200."""
    url = metrics_url.removesuffix("/metrics") + "/readyz"
    try:
        with urllib.request.urlopen(url, timeout=2):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"{url} answers {error.code}"
    except OSError as error:
        return f"no answer from {url}: {error}"


def answers(metrics_url: str) -> bool:
    """Whether anything answers HTTP where the workers' web should be."""
    missing = ask_ready(metrics_url)
    return missing is None or " answers " in missing
