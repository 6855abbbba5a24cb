"""One worker process: started as an operator starts it, stopped or killed as a test wants."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ops.stack.ports import LOOPBACK
from ops.stack.workers import REPOSITORY

_LOG_LINES = 60


class Worker:
    """`python -m workers` in a folder of its own; its output goes to a log beside that.

    It runs from the moment this is made.
    """

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        self.folder = folder / "cwd"
        self.folder.mkdir(parents=True)
        self._log_file = folder / "worker.log"
        self._url = f"http://{LOOPBACK}:{port}"
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "METRICS_PORT": str(port),
            "LOG_FORMAT": "json",
            **settings,
        }
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def log_end(self) -> str:
        """The end of the log, under a heading that says whose it is."""
        lines = self.log.splitlines()[-_LOG_LINES:]
        state = "runs" if self.exit_code is None else f"ended with {self.exit_code}"
        return "\n".join([f"--- worker {self.pid}, which {state}:", *lines])

    def assert_running(self) -> None:
        """Fail, with the end of the log, if it has ended by itself."""
        assert self.exit_code is None, self.log_end()

    def get(self, page: str) -> tuple[int, str]:
        """Status and text of one of its pages, such as `/readyz`; (0, why) without an answer."""
        try:
            with urllib.request.urlopen(self._url + page, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def is_ready(self) -> bool:
        """Whether it takes events in; fails if the process has ended."""
        self.assert_running()
        return self.get("/readyz")[0] == 200

    def metric(self, sample: str, **labels: str) -> float:
        """The sum of a metric's samples of that name that carry the labels."""
        status, text = self.get("/metrics")
        assert status == 200, f"/metrics: {status} {text}\n{self.log_end()}"
        return sum(
            found.value
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self, *, seconds: float = 10.0) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds it took. Fails if it takes longer."""
        started = time.monotonic()
        self.terminate()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"it still runs {seconds:.0f} s after SIGTERM\n{self.log_end()}"
            ) from None
        return code, time.monotonic() - started

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash of the machine would."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it stand still (SIGSTOP), as a machine that swaps or a suspended one does."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)
