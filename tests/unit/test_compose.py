"""docker-compose.yml is valid, agrees with the local stack, and gives away no secret."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.stack import kafka_version
from ops.stack.postgres import SETTINGS
from workers.lanes import Lane

_ROOT = Path(__file__).parents[2]
_KAFKA_TEMPLATE = _ROOT / "ops" / "stack" / "kafka" / "server.properties"

# Where the two differ because containers have their own network, disks and patience.
_OF_THE_PLACE = {
    "process.roles",
    "node.id",
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
    "num.network.threads",
    "num.io.threads",
}
_WORKERS = ("workers", "bulk-workers")
_CPU_SHARES = 1024
"""What a container has that says nothing."""
# What the template's placeholders are for the one node of the compose file.
_ONE_NODE = {"$replication": "1", "$min_isr": "1"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file as an object, variables not filled in."""
    loaded: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    return loaded


def _kafka_template() -> dict[str, str]:
    """The local broker's settings."""
    lines = _KAFKA_TEMPLATE.read_text(encoding="utf-8").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {key: _ONE_NODE.get(value, value) for key, value in pairs.items()}


def test_is_a_compose_file(compose: dict[str, Any]) -> None:
    """It follows the Compose Specification's own schema."""
    schema = json.loads((_ROOT / "tests" / "data" / "compose-spec.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    problems = [
        f"{error.json_path}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(compose)
    ]
    assert problems == []


def test_kafka_is_the_version_of_the_local_stack(compose: dict[str, Any]) -> None:
    """Both are raised together."""
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_kafka_has_the_settings_of_the_local_stack(compose: dict[str, Any]) -> None:
    """Every broker setting that is not about the place is the same, and none is missing."""
    environment = compose["services"]["kafka"]["environment"]
    in_compose = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    local = _kafka_template()
    assert {key: in_compose.get(key) for key in local.keys() - _OF_THE_PLACE} == {
        key: value for key, value in local.items() if key not in _OF_THE_PLACE
    }
    assert in_compose.keys() <= local.keys()


def test_postgres_has_the_settings_of_the_local_stack(compose: dict[str, Any]) -> None:
    """The server's command line sets the same as ops/stack does."""
    program, *options = compose["services"]["postgres"]["command"]
    assert program == "postgres"
    assert options[::2] == ["-c"] * len(SETTINGS)
    assert dict(option.split("=", 1) for option in options[1::2]) == dict(SETTINGS)


def test_workers_get_what_the_local_stack_gives(compose: dict[str, Any]) -> None:
    """Workers and provisioning have the settings of DIR/env, and where to listen."""
    local = {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "DIGEST_SECRET", "METRICS_PORT"}
    for service, more in ((_WORKERS[0], {"LANES"}), (_WORKERS[1], {"LANES"}), ("provision", set())):
        environment = compose["services"][service]["environment"]
        assert environment.keys() == local | {"METRICS_HOST"} | more


def test_every_lane_has_workers_of_its_own(compose: dict[str, Any]) -> None:
    """Bans get their processor time before a backlog does; together they read all lanes."""
    lanes = [compose["services"][service]["environment"]["LANES"] for service in _WORKERS]
    assert lanes == [Lane.URGENT, Lane.BULK]
    assert set(lanes) == set(Lane)
    assert compose["services"]["bulk-workers"]["cpu_shares"] < _CPU_SHARES
    assert "cpu_shares" not in compose["services"]["workers"]


def test_secrets_have_no_default(compose: dict[str, Any]) -> None:
    """Every secret must come from outside; compose refuses to start without it."""
    secrets = 0
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|DATABASE_URL", name):
                secrets += 1
                assert re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value), name
                assert ":-" not in value, name
    assert secrets >= 5


def test_example_settings_name_every_required_variable() -> None:
    """.env.example lists what compose asks for, without values."""
    text = (_ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    lines = (_ROOT / ".env.example").read_text().splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == {
        f"{name}=" for name in asked
    }


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    """Nothing is reachable from another machine."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_server_has_a_healthcheck(compose: dict[str, Any]) -> None:
    """Only the one-shot provisioning ends instead of becoming healthy."""
    without = {name for name, it in compose["services"].items() if "healthcheck" not in it}
    assert without == {"provision"}


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    """No image without a version, and none that is the latest."""
    for service in compose["services"].values():
        _, _, tag = service["image"].partition(":")
        assert re.match(r"v?\d", tag), service["image"]


def test_image_is_built_from_the_hashed_lock_and_runs_unprivileged() -> None:
    """The Dockerfile installs nothing that has no hash, and drops root."""
    lines = (_ROOT / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert "USER 10001:10001" in lines


def test_prometheus_scrapes_the_workers_port(compose: dict[str, Any]) -> None:
    """The port in prometheus.yml is the one the workers listen on."""
    config = yaml.safe_load((_ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (asked,) = jobs["workers"]["dns_sd_configs"]
    assert asked["names"] == list(_WORKERS)
    for service in _WORKERS:
        assert str(asked["port"]) == compose["services"][service]["environment"]["METRICS_PORT"]
