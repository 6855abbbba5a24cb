"""`python -m workers`: run one worker in the foreground until SIGTERM or Ctrl-C."""

import gc
import sys
from typing import NoReturn

from pydantic import ValidationError

from workers.logs import set_up
from workers.settings import Settings

_ALLOCATED = 20_000
"""Objects after which young ones are looked at for garbage in circles: with Python's own 700 that
takes a tenth of a worker's time, and stops bans for up to a fifth of a second each time that it
looks at everything. Almost all that a batch leaves behind is freed without it."""


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
    gc.freeze()  # the modules: they stay
    gc.set_threshold(_ALLOCATED)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
