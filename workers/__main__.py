"""`python -m workers`: run one worker in the foreground until SIGTERM or Ctrl-C."""

import sys
from typing import NoReturn

from pydantic import ValidationError

from workers.logs import set_up
from workers.settings import Settings

_SWITCH_S = 0.0005
"""Seconds after which a thread that computes lets the others go on. Batches and sweeps are decided
in threads; each time that a ban's way goes through the event loop meanwhile, and it does so some
forty times, it waits for that: with Python's own 5 ms, a fifth of a second."""


def main() -> NoReturn:
    """Run the worker; exit code 0 after a stop, 1 after a crash, 2 for wrong settings."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0]).upper()
            print(f"workers: {name}: {problem['msg']}", file=sys.stderr)
        print(
            "workers: set it in the environment; .local/env has it after `make up`", file=sys.stderr
        )
        sys.exit(2)
    set_up(settings.log_level, settings.log_format)
    sys.setswitchinterval(_SWITCH_S)
    # Only now: faust fixes the event loop of the process when it is imported. It is asyncio's
    # own: aiokafka goes deaf on uvloop when a connection closes in the midst of a write, and
    # no benchmark of ours is faster on it.
    import faust

    from workers.app import WorkerApp

    worker = faust.Worker(
        WorkerApp(settings),
        loglevel=settings.log_level,
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
    )
    worker.spinner = None  # it writes escape codes into the log
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
