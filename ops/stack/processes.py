"""A detached server process that is known by its pid file."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, Signals

from ops.stack.errors import StackError

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Daemon:
    """One server process: its name, its pid file, its output and how to know it again.

    `marker` is a string that its command line contains and no other process's does.
    A pid file holds `PID START`, START being the process's start in clock ticks since
    boot: a pid that the kernel gave to another process meanwhile is never signalled.
    """

    name: str
    pid_file: Path
    log_file: Path
    marker: str

    def start(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
        """Start `command` in a session of its own and return its pid.

        It outlives this process; its output is appended to the log file.
        Raises StackError when it cannot be started.
        """
        for folder in (self.pid_file.parent, self.log_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            # posix_spawn, not Popen: nothing here waits for the child, on purpose.
            # `env --chdir` is replaced by the command, so that the pid is the server's.
            pid = os.posix_spawn(
                "/usr/bin/env",
                ["env", f"--chdir={cwd}", *command],
                dict(env),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(self.log_file), append, 0o640),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                # A shell's background job ignores Ctrl-C, and children would inherit that.
                setsigdef=[SIGHUP, SIGINT, SIGQUIT, SIGTERM],
            )
        except OSError as error:
            raise StackError(f"{self.name}: could not start {command[0]}: {error}") from error
        self.pid_file.write_text(f"{pid} {_start_ticks(pid) or 0}\n", encoding="ascii")
        return pid

    def pid(self) -> int | None:
        """The pid of the running process, or None when it does not run."""
        known = self._known()
        if known is None:
            return None
        while not _gone(*known):
            # Empty for a moment while the process becomes another program, or ends.
            if command_line := _command_line(known[0]):
                return known[0] if self.marker in command_line else None
            time.sleep(_POLL_S)
        return None

    def signal(self, number: Signals) -> None:
        """Send a signal to the process, if it runs."""
        pid = self.pid()
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def stop(self, *signals: tuple[Signals, float]) -> None:
        """Send each signal in turn and wait its number of seconds for the end.

        Raises StackError when the process outlives the last of them.
        """
        known = self._known()
        for number, patience_s in signals:
            self.signal(number)
            if known is None or _ends(*known, patience_s):
                self.pid_file.unlink(missing_ok=True)
                return
        raise StackError(
            f"{self.name}: process {self.pid()} did not end after "
            f"{', '.join(number.name for number, _ in signals)}; look into {self.log_file}"
        )

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would, and wait until it is gone."""
        self.stop((SIGKILL, 10.0))

    def await_ready(self, ready: Callable[[], str | None], *, deadline_s: float) -> None:
        """Ask `ready` until it answers None; its other answers say what is missing.

        Raises StackError, with the end of the log, when the process ends first or
        the deadline (seconds) passes.
        """
        until = time.monotonic() + deadline_s
        while (missing := ready()) is not None:
            if self.pid() is None:
                raise StackError(f"{self.name}: ended while starting{self.log_end()}")
            if time.monotonic() > until:
                raise StackError(
                    f"{self.name}: not ready after {deadline_s:.0f} s ({missing}){self.log_end()}"
                )
            time.sleep(_POLL_S)

    def log_end(self, lines: int = 15) -> str:
        """The last lines of the log, for an error message."""
        try:
            text = self.log_file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        tail = "\n".join(f"  {line}" for line in text.splitlines()[-lines:])
        return f"; the end of {self.log_file}:\n{tail or '  (empty)'}"

    def _known(self) -> tuple[int, int] | None:
        """The pid file's process: pid and start; None when there is no (whole) pid file."""
        try:
            pid, started = map(int, self.pid_file.read_text(encoding="ascii").split())
        except (FileNotFoundError, ValueError):
            return None
        return pid, started


def _ends(pid: int, started: int, patience_s: float) -> bool:
    """Whether the process is gone within that many seconds."""
    until = time.monotonic() + patience_s
    while not _gone(pid, started):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _gone(pid: int, started: int) -> bool:
    """Whether the process that started then has ended and let go of its ports and locks.

    An empty command line would not do: it is emptied first. A zombie with other threads
    left is still ending; one without is a process that nobody collects, as in a container.
    """
    _reap(pid)
    stat = _stat(pid)
    if stat is None or int(stat[19]) != started:
        return True
    try:
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return True
    ended = stat[0] in "ZX" and threads <= 1
    if ended:
        _reap(pid)  # it may have ended since we asked
    return ended


def _reap(pid: int) -> None:
    """Collect the exit status if the process is our own child: no zombies in long tests."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _command_line(pid: int) -> str:
    """The process's command line with spaces between arguments; empty for a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace")


def _start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when there is none."""
    stat = _stat(pid)
    return None if stat is None else int(stat[19])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (the state) on; the 20th is the start."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the name in parentheses, which may itself hold spaces and ")".
    return stat.rpartition(")")[2].split()
