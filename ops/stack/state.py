"""What a stack remembers between starts: ports, ids and generated secrets."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.ports import free_port, is_free
from ops.stack.progress import Progress


class State:
    """A small JSON object (names to strings or ports) in one private file.

    Read at every look-up, so that two objects on the same file agree.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, key: str) -> str | None:
        """The remembered value, or None."""
        return self._load().get(key)

    def set(self, key: str, value: str) -> None:
        """Remember a value."""
        values = self._load() | {key: value}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_private(self.path, json.dumps(values, indent=1) + "\n")

    def remember(self, key: str, make: Callable[[], str]) -> str:
        """The remembered value, made now when there is none."""
        value = self.get(key)
        if value is None:
            value = make()
            self.set(key, value)
        return value

    def port(self, key: str) -> int:
        """A remembered port; StackError when none was chosen yet."""
        value = self.get(key)
        if value is None:
            raise StackError(f"{self.path} knows no {key}: the stack was never started; run `up`")
        return int(value)

    def choose_port(self, key: str, progress: Progress) -> int:
        """The remembered port if it is free, else a new free one, remembered."""
        values = self._load()
        known = values.get(key)
        if known is not None and is_free(int(known)):
            return int(known)
        # Ports of servers that are not up yet count as taken too.
        taken = {int(value) for name, value in values.items() if "port" in name}
        port = free_port(taken)
        if known is not None:
            progress.say(f"port {known} is taken by another program; using {port} from now on")
        self.set(key, str(port))
        return port

    def _load(self) -> dict[str, str]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            values: dict[str, str] = json.loads(text)
        except ValueError as error:
            raise StackError(
                f"{self.path} is not JSON ({error}): remove the stack with `clean` and start anew"
            ) from error
        return values


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    scratch.replace(path)
