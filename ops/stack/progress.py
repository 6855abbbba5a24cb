"""What a person sees while the stack works."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console

_HEARTBEAT_S = 5.0

# Called with a few words on how far a step is.
Detail = Callable[[str], None]


class Progress(Protocol):
    """Where the stack tells what it does."""

    def say(self, text: str) -> None:
        """Show one line."""

    def step(self, text: str) -> AbstractContextManager[Detail]:
        """Show that `text` is being done, then how it ended and how long it took."""
        ...


class ConsoleProgress:
    """Steps on a terminal (with a spinner) or in a log (a line every five seconds)."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Show one line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[Detail]:
        """Show `text` with its running time; a step that fails says so and re-raises."""
        started = time.monotonic()
        detail = ""

        def line() -> str:
            return f"{text} … {time.monotonic() - started:.0f} s {detail}".rstrip()

        def tell(words: str) -> None:
            nonlocal detail
            detail = words

        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(done, line), daemon=True)
        beat.start()
        outcome = "failed after"
        try:
            yield tell
            outcome = "done in"
        except KeyboardInterrupt:
            outcome = "interrupted after"
            raise
        finally:
            done.set()
            beat.join()
            self.say(f"{text}: {outcome} {time.monotonic() - started:.1f} s")

    def _beat(self, done: threading.Event, line: Callable[[], str]) -> None:
        """Redraw a spinner on a terminal, or print now and then elsewhere."""
        if not self._console.is_terminal:
            while not done.wait(_HEARTBEAT_S):
                self.say(line())
            return
        with self._console.status(line()) as status:
            while not done.wait(0.2):
                status.update(line())


class Silent:
    """Progress that shows nothing, for tests and for use as a library."""

    def say(self, text: str) -> None:
        """Drop the line."""

    @contextmanager
    def step(self, text: str) -> Iterator[Detail]:  # noqa: ARG002 - the protocol's signature
        """Do the step without a word."""

        def tell(words: str) -> None:
            """Drop the detail."""

        yield tell
