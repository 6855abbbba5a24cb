"""Parts of the local stack that need no server."""

import hashlib
import os
import socket
import sys
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from ops.stack import Silent, StackError
from ops.stack.kafka import jars
from ops.stack.kafka.wire import Metadata, missing_from
from ops.stack.ports import free_port, is_free
from ops.stack.processes import Daemon
from ops.stack.state import State

GOOD = b"a jar"
SUMS = {"a.jar": hashlib.sha256(GOOD).hexdigest()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A jar cache of this test's own, where one jar is expected; not filled yet."""
    monkeypatch.setattr(jars, "expected_sums", lambda: SUMS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "asiakasrekisteri" / f"kafka-{jars.kafka_version()}"


def _serve(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[Path]:
    """Let fetching put `content` into the cache; the list tells how often it did."""
    fetched: list[Path] = []

    def fetch(folder: Path, progress: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.jar").write_bytes(content)
        fetched.append(folder)

    monkeypatch.setattr(jars, "fetch", fetch)
    return fetched


def test_jars_are_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache is filled; a good one is used as it is."""
    fetched = _serve(monkeypatch, GOOD)
    assert jars.ensure_jars(Silent()) == (cache / "a.jar",)
    assert jars.ensure_jars(Silent()) == (cache / "a.jar",)
    assert len(fetched) == 1


def test_a_changed_jar_is_fetched_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jar in the cache that is not what it was is replaced, once."""
    fetched = _serve(monkeypatch, GOOD)
    cache.mkdir(parents=True)
    (cache / "a.jar").write_bytes(b"changed")
    jars.ensure_jars(Silent())
    assert (cache / "a.jar").read_bytes() == GOOD
    assert len(fetched) == 1


def test_a_wrong_jar_is_refused_by_name(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched must be what was committed; the error says which jar is not."""
    fetched = _serve(monkeypatch, b"something else")
    with pytest.raises(StackError, match=r"a\.jar in .* has SHA-256"):
        jars.ensure_jars(Silent())
    assert fetched == [cache]


def test_committed_sums_are_of_the_committed_version() -> None:
    """SHA256SUMS was written for the version pom.xml names, and holds no jar twice."""
    sums = jars.expected_sums()
    assert f"kafka_2.13-{jars.kafka_version()}.jar" in sums
    assert all(len(digest) == 64 for digest in sums.values())


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A daemon that is not started yet; its marker is the test's own folder."""
    return Daemon("sleeper", tmp_path / "pid", tmp_path / "log", marker=str(tmp_path))


def _start(daemon: Daemon, code: str) -> int:
    command = [sys.executable, "-c", code, daemon.marker]
    return daemon.start(command, cwd=Path("/"), env=os.environ)


def test_a_daemon_is_stopped_and_reaped(daemon: Daemon) -> None:
    """SIGTERM ends it; no zombie and no pid file stay."""
    pid = _start(daemon, "import time; time.sleep(60)")
    assert daemon.pid() == pid
    daemon.stop((SIGTERM, 5.0))
    assert daemon.pid() is None
    assert not Path(f"/proc/{pid}").exists()
    assert not daemon.pid_file.exists()


def test_a_daemon_is_known_while_it_becomes_another_program(daemon: Daemon) -> None:
    """Replacing a process's program leaves it without a command line for a moment."""
    again = "os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
    nap = "import time; time.sleep(60)"
    command = [sys.executable, "-c", f"import os, sys; {again}", nap, daemon.marker]
    pid = daemon.start(command, cwd=Path("/"), env=os.environ)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        assert daemon.pid() == pid
    daemon.kill()


def test_a_daemon_that_ignores_sigterm_is_killed(daemon: Daemon) -> None:
    """Stopping escalates when its patience is over."""
    _start(
        daemon,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)",
    )
    daemon.await_ready(lambda: None if "deaf" in daemon.log_end() else "it hears", deadline_s=10)
    with pytest.raises(StackError, match="did not end after SIGTERM"):
        daemon.stop((SIGTERM, 0.1))
    daemon.stop((SIGTERM, 0.1), (SIGKILL, 5.0))
    assert daemon.pid() is None


def test_a_daemon_that_dies_while_starting_shows_its_log(daemon: Daemon) -> None:
    """Waiting ends at once, with the last lines it wrote."""
    _start(daemon, "import sys; sys.exit('no such luck')")
    with pytest.raises(StackError, match=r"ended while starting(.|\n)*no such luck"):
        daemon.await_ready(lambda: "never", deadline_s=30)


def test_a_daemon_that_is_never_ready_says_what_is_missing(daemon: Daemon) -> None:
    """The deadline's error has the last answer."""
    _start(daemon, "import time; time.sleep(60)")
    with pytest.raises(StackError, match=r"not ready after 0 s \(no coffee\)"):
        daemon.await_ready(lambda: "no coffee", deadline_s=0.1)
    daemon.kill()


def test_a_daemon_that_cannot_start_is_an_error(daemon: Daemon) -> None:
    """A missing program ends at once and names itself in the log."""
    daemon.start(["/no/such/program", daemon.marker], cwd=Path("/"), env=os.environ)
    with pytest.raises(StackError, match="/no/such/program"):
        daemon.await_ready(lambda: "never", deadline_s=30)


def test_state_is_private_and_shared(tmp_path: Path) -> None:
    """What one object remembers another reads; only the owner may read the file."""
    state = State(tmp_path / "folder" / "state.json")
    assert state.remember("secret", lambda: "one") == "one"
    assert State(state.path).remember("secret", lambda: "two") == "one"
    assert state.path.stat().st_mode & 0o777 == 0o600


def test_a_broken_state_file_says_what_to_do(tmp_path: Path) -> None:
    """Not a traceback about JSON."""
    path = tmp_path / "state.json"
    path.write_text("{")
    with pytest.raises(StackError, match="`clean`"):
        State(path).get("port")


def test_ports_are_remembered_and_replaced_when_taken(tmp_path: Path) -> None:
    """The same port again, unless another program listens there."""
    state = State(tmp_path / "state.json")
    port = state.choose_port("port", Silent())
    assert state.choose_port("port", Silent()) == port == state.port("port")
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        other = state.choose_port("port", Silent())
    assert other != port
    assert state.port("port") == other


def test_a_free_port_is_not_one_of_the_taken() -> None:
    """Ports given to servers that do not listen yet are left alone."""
    taken = set(range(20_000, 31_999))
    with pytest.raises(StackError, match="ss -ltn"):
        free_port(taken | {31_999})


@pytest.mark.parametrize(
    ("metadata", "missing"),
    [
        (Metadata(frozenset({1, 2}), 1), None),
        (Metadata(frozenset({1}), 1), "broker 2 has not joined yet"),
        (Metadata(frozenset({1, 2}), -1), "there is no controller yet"),
    ],
)
def test_what_a_cluster_lacks(metadata: Metadata, missing: str | None) -> None:
    """A cluster is ready when it has a controller and all its brokers."""
    assert missing_from(metadata, frozenset({1, 2})) == missing
