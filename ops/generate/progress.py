"""How far a long run of records is: a bar on a terminal, a line every two seconds elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY_S = 2.0
"""Seconds between lines where there is no terminal."""


class Meter:
    """Shows a count against an optional total, with its rate, on stderr."""

    def __init__(self, name: str, total: int | None = None) -> None:
        self._name = name
        self._total = total
        self._console = Console(stderr=True)
        self._begun = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f}/s"),
            TimeElapsedColumn(),
            console=self._console,
            refresh_per_second=4,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=total, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, count: int) -> None:
        """Tell that `count` are done by now."""
        now = time.monotonic()
        rate = count / max(now - self._begun, 1e-3)
        if self._console.is_terminal:
            self._bar.update(self._task, completed=count, rate=rate)
        elif now - self._told >= EVERY_S:
            self._told = now
            total = "" if self._total is None else f" of {self._total}"
            self._console.print(f"{self._name}: {count}{total}, {rate:.0f}/s", highlight=False)
