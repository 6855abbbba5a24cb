"""`python -m tests.faults.harness`: break a register under load, and say what was lost."""

import argparse
import asyncio
import random
import signal
import sys

from tests.faults.harness.run import Options, Report, run
from tests.faults.harness.site import end_own


def main() -> int:
    """0 where nothing differs, 1 where something does, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.harness", description=__doc__)
    parser.add_argument("--faults", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, help="which ones; chosen and printed if not given")
    parser.add_argument("--rate", type=float, default=60.0, help="events a second (60)")
    parser.add_argument("--quiet-every", type=int, default=20, help="faults to a comparison (20)")
    given = parser.parse_args()
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    options = Options(seed, given.faults, per_second=given.rate, quiet_every=given.quiet_every)
    try:
        report = asyncio.run(_until_interrupted(options))
    except asyncio.CancelledError:
        print(f"faults: interrupted; seed {seed}", file=sys.stderr)
        return 130
    finally:
        end_own()
    print(report)
    return 1 if report.differences else 0


async def _until_interrupted(options: Options) -> Report:
    """Run, and end everything in order on Ctrl-C or SIGTERM."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, task.cancel)
    return await run(options, lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(main())
