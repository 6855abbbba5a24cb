"""Backups: which are kept and chosen, what the server is told, what a check finds (S45, R66)."""

import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.backup import checks
from ops.backup.folder import Base, Folder
from ops.backup.restore import restore
from ops.backup.server import Archiving, archive_command, client_environment
from ops.stack import StackError
from topics import INBOUND, ORDERS, REFUSALS, SIGNUPS
from topics.declarations import (
    BACKUPS_KEPT,
    INBOUND_AT_LEAST,
    RESTORE_WITHIN,
    RETENTION,
    milliseconds,
)
from topics.provision import Difference, Report

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def backups(path: Path, *days: int) -> Folder:
    """A folder with base backups that are so many days old, and one that is not finished."""
    folder = Folder(path)
    folder.wal.mkdir(parents=True)
    for age in days:
        made = folder.new(NOW - age * DAY)
        made.mkdir(parents=True)
        (made / "backup_label").write_text(
            f"START WAL LOCATION: 0/2000028 (file 0000000100000000000000{100 - age})\n"
        )
        (made / "postgresql.auto.conf").write_text("recovery_target_time = 'of old'\n")
    folder.new(NOW).with_suffix(".part").mkdir(parents=True)
    return folder


def ages(bases: Sequence[Base]) -> list[int]:
    """How many days old they are."""
    return [(NOW - base.began).days for base in bases]


def as_the_server_runs_it(line: str, name: str, path: str) -> str:
    """The shell line with what PostgreSQL puts in."""
    shown = {"%f": name, "%p": path, "%%": "%"}
    return re.sub("%[fp%]", lambda found: shown[found[0]], line)


def test_only_finished_backups_count(tmp_path: Path) -> None:
    folder = backups(tmp_path, 1, 3, 2)
    assert ages(folder.bases()) == [3, 2, 1]
    assert folder.bases()[0].first_wal == "000000010000000000000097"


def test_the_newest_that_fits_is_chosen(tmp_path: Path) -> None:
    folder = backups(tmp_path, 1, 2, 3)
    assert ages([folder.choose(None, None)]) == [1]
    assert ages([folder.choose(None, NOW - DAY - timedelta(minutes=1))]) == [2]
    assert ages([folder.choose("20261121T030000Z", None)]) == [3]
    with pytest.raises(StackError, match="20261122T030000Z"):
        folder.choose(None, NOW - 5 * DAY)


def test_old_backups_go_but_never_the_newest(tmp_path: Path) -> None:
    folder = backups(tmp_path, 15, 20, 16)
    assert ages(folder.remove_old(14 * DAY, NOW)) == [20, 16]
    assert ages(folder.bases()) == [15]


@pytest.mark.parametrize("name", ["wal", "100% the log's $HOME"])
def test_a_file_of_the_log_is_archived_whole_and_once(tmp_path: Path, name: str) -> None:
    wal = tmp_path / name
    wal.mkdir()

    def archive(text: bytes) -> int:
        (tmp_path / "segment").write_bytes(text)
        line = as_the_server_runs_it(archive_command(wal), "0001", "segment")
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, check=False).returncode

    assert archive(b"log") == 0
    assert archive(b"log") == 0, "again after a crash"
    assert archive(b"other") != 0, "never over another one"
    assert [(path.name, path.read_bytes()) for path in wal.iterdir()] == [("0001", b"log")]


def test_a_long_folder_fits_into_the_server_s_line() -> None:
    wal = Path("/" + "/".join(["x" * 100] * 6))
    name = "000000010000000000000002.00000028.backup"
    assert len(as_the_server_runs_it(archive_command(wal), name, f"pg_wal/{name}")) < 1024


def test_no_password_stands_on_a_command_line() -> None:
    assert client_environment("postgresql://some%40one:se%2Fcret@db.example.fi/postgres") == {
        "PGHOST": "db.example.fi",
        "PGPORT": "5432",
        "PGUSER": "some@one",
        "PGPASSWORD": "se/cret",
    }


def test_a_restore_says_every_setting_of_its_own(tmp_path: Path) -> None:
    """What an earlier restore set in the database that was backed up must not count."""
    folder = backups(tmp_path / "backups", 1)
    data = tmp_path / "data"
    restore(folder, folder.bases()[0], data, None)
    lines = (data / "postgresql.auto.conf").read_text().splitlines()
    assert lines[-5:] == [
        f"restore_command = 'cp {folder.wal}/%f \"%p\"'",
        "recovery_target_time = ''",
        "recovery_target_action = 'promote'",
        "recovery_target_timeline = 'latest'",
        "hot_standby = 'off'",
    ]
    assert (data / "recovery.signal").exists()
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_restore_overwrites_nothing(tmp_path: Path) -> None:
    folder = backups(tmp_path / "backups", 1)
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match="holds files"):
        restore(folder, folder.bases()[0], data, None)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_check_finds_missing_and_old_backups(tmp_path: Path) -> None:
    bases = backups(tmp_path, 1, 2).bases()
    assert list(checks.backup_problems([], DAY, NOW)) == ["there is no base backup"]
    assert list(checks.backup_problems(bases, DAY, NOW)) == []
    assert len(list(checks.backup_problems(bases, DAY, NOW + timedelta(minutes=1)))) == 1


@pytest.mark.parametrize(
    ("server", "problems"),
    [
        (Archiving(on=True, failed=None, archived=NOW, waiting=0), 0),
        (Archiving(on=True, failed=NOW - DAY, archived=NOW, waiting=0), 0),
        (Archiving(on=True, failed=NOW, archived=NOW - DAY, waiting=0), 1),
        (Archiving(on=True, failed=NOW, archived=None, waiting=50), 2),
        (Archiving(on=False, failed=None, archived=None, waiting=0), 1),
    ],
)
def test_a_check_finds_a_log_that_is_not_archived(server: Archiving, problems: int) -> None:
    assert len(list(checks.archive_problems(server))) == problems


def test_inbound_topics_outlive_the_oldest_backup(tmp_path: Path) -> None:
    """R66: as declared, and as a backup that was kept for longer demands."""
    assert all(topic.retention in (RETENTION, None) for topic in INBOUND)
    assert RETENTION >= INBOUND_AT_LEAST == BACKUPS_KEPT + RESTORE_WITHIN
    assert checks.kept_at_least([], NOW) == INBOUND_AT_LEAST
    bases = backups(tmp_path, 1, 20).bases()
    assert checks.kept_at_least(bases, NOW) == 20 * DAY + RESTORE_WITHIN


@pytest.mark.parametrize(("kept", "fits"), [(20 * DAY, False), (22 * DAY, True), (None, True)])
def test_a_check_finds_topics_that_let_go_too_soon(kept: timedelta | None, *, fits: bool) -> None:
    needed = milliseconds(21 * DAY)
    actual = milliseconds(kept) if kept else "-1"
    report = Report(
        missing=("p.channel.signups", "p.register.refusals"),
        different=(
            Difference(f"p.{ORDERS.name}", "retention.ms", needed, actual),
            Difference(f"p.{ORDERS.name}", "partitions", "12", "3"),
            Difference(f"p.{REFUSALS.name}", "retention.ms", needed, "1"),
        ),
    )
    found = list(checks.too_short(report, "p.", 21 * DAY))
    assert found[0] == f"there is no topic p.{SIGNUPS.name}"
    assert found[1:] == (
        []
        if fits
        else [
            "p.channel.orders keeps records for 20.0 days; "
            "restoring the oldest backup needs 21.0 days (R66)"
        ]
    )
