"""A worker that is set up wrongly says so at once, by the name of the variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.stack.workers import REPOSITORY
from tests.integration.support.deployment import SECRET

pytestmark = pytest.mark.integration

SETTINGS = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL": "postgresql://register:geheim@127.0.0.1:1/register",
    "DIGEST_SECRET": SECRET,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", None),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "geheim"),
        ("DATABASE_URL", "mysql://register:geheim@127.0.0.1:1/register"),
        ("DIGEST_SECRET", None),
        ("DIGEST_SECRET", "geheim"),
        ("METRICS_PORT", "web"),
        ("METRICS_PORT", "0"),
        ("METRICS_PORT", "70000"),
        ("BATCH_MAX_RECORDS", "0"),
        ("SESSION_TIMEOUT_MS", "-1"),
        ("LANES", "fast"),
        ("LANES", "urgent,"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(name: str, value: str | None, tmp_path: Path) -> None:
    """Exit code 2, and a line that says which variable, and nothing of a secret."""
    settings = {**SETTINGS, name: value}
    inherited = {key: text for key, text in os.environ.items() if key not in settings}
    environment = {key: text for key, text in settings.items() if text is not None}
    done = subprocess.run(
        [sys.executable, "-m", "workers"],
        env={**inherited, **environment, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f"workers: {name}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr + done.stdout
