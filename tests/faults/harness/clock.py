"""A worker's own wall clock, which can be stepped while it runs."""

import shutil
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")
_NANOSECONDS = 1_000_000_000


def compiled(folder: Path) -> Path | None:
    """The library that steps a process's clock, or None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    return library


class Clock:
    """What a worker's clock differs by; its process reads it from a file."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environment = {"LD_PRELOAD": str(library), "FAULT_CLOCK": str(file)}
        file.write_bytes(bytes(8))

    def step(self, seconds: float) -> None:
        """Set the clock to so many seconds after the right time, or before it."""
        with self._file.open("r+b") as written:  # in place: the process has it mapped
            written.write(int(seconds * _NANOSECONDS).to_bytes(8, "little", signed=True))
