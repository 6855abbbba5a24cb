"""Dashboard, alerts and the operator's page speak of what the workers really have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from topics import INBOUND, TOPICS
from workers.lanes import URGENT
from workers.metrics import Metrics
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
RULES = ROOT / "ops" / "prometheus" / "rules" / "register.yml"
RULE_TESTS = ROOT / "tests" / "data" / "alerts.yml"
DASHBOARD = ROOT / "ops" / "grafana" / "dashboards" / "register.json"
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

_HISTOGRAM = ("_bucket", "_count", "_sum")


def exposed() -> dict[str, Metric]:
    """Every metric of a worker by the names that Prometheus stores samples under."""
    names: dict[str, Metric] = {}
    registry = CollectorRegistry()
    Metrics(registry)
    for metric in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": _HISTOGRAM}.get(metric.type, ("",))
        names |= {metric.name + suffix: metric for suffix in suffixes}
    return names


def labels() -> dict[str, set[str]]:
    """Label names of each metric; a metric shows them with its first count only."""
    found: dict[str, set[str]] = {}
    for instrument in vars(Metrics(CollectorRegistry())).values():
        if hasattr(instrument, "_labelnames"):
            found[instrument._name] = set(instrument._labelnames)
    return found


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def panels() -> list[dict[str, Any]]:
    """Its panels, rows left out."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Every PromQL expression of the dashboard and the alerts."""
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in alerts())


def anchors(page: str) -> set[str]:
    """The anchors that a page's headings have on the usual Markdown sites."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of docs/operating.md."""
    section = OPERATING.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_metric_asked_for_exists() -> None:
    asked = {name for text in expressions() for name in re.findall(r"\bregister_\w+", text)}
    assert asked <= exposed().keys()


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    unseen = {metric.name for name, metric in exposed().items() if name not in shown}
    seen = {metric.name for name, metric in exposed().items() if name in shown}
    # What marketing.eligibility got is in register_published_total by topic.
    assert unseen - seen == {"register_eligibility_records"}


def test_every_label_asked_for_exists() -> None:
    known = labels()
    for text in expressions():
        for name, matchers in re.findall(r"\b(register_\w+)\{([^}]*)\}", text):
            asked = set(re.findall(r"(\w+)=~?\"", matchers))
            assert asked <= known[exposed()[name].name], name


def test_topics_in_expressions_exist() -> None:
    for text in expressions():
        for named in re.findall(r"topic=~?\"([^\"]*)\"", text):
            assert set(named.split("|")) <= {topic.name for topic in INBOUND}


def test_the_urgent_lane_is_watched_as_a_whole() -> None:
    (rule,) = [rule for rule in alerts() if rule["alert"] == "RegisterBansWaiting"]
    named = re.search(r"topic=~\"([^\"]*)\"", rule["expr"])
    assert named is not None
    assert set(named[1].split("|")) == set(URGENT)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Summary, description, severity, and a section of its own in docs/operating.md."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    annotations = rule["annotations"]
    assert annotations["summary"]
    assert annotations["description"]
    assert annotations["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"
    assert rule["alert"].lower() in anchors(OPERATING)


def test_every_section_about_an_alert_has_one() -> None:
    sections = set(re.findall(r"^### (Register\w+)$", OPERATING, re.MULTILINE))
    assert sections == {rule["alert"] for rule in alerts()}


def test_panels_say_what_to_do() -> None:
    """Each panel's description links to a section of docs/operating.md that is there."""
    for panel in panels():
        link = re.search(r"\]\(\$\{docs\}/operating\.md#([\w-]+)\)", panel["description"])
        assert link is not None, panel["title"]
        assert link[1] in anchors(OPERATING), panel["title"]


def test_panels_fill_their_rows() -> None:
    """Nothing overlaps, and each row of panels is 24 wide."""
    by_line: dict[int, list[dict[str, int]]] = {}
    for panel in dashboard()["panels"]:
        by_line.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for line in by_line.values():
        assert sum(place["w"] for place in line) == 24
        assert len({place["h"] for place in line}) == 1
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def test_the_dashboard_uses_the_provisioned_data_source() -> None:
    provisioned = ROOT / "ops" / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    (source,) = yaml.safe_load(provisioned.read_text(encoding="utf-8"))["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}


def test_prometheus_loads_the_rules_and_the_job_is_the_one_they_name() -> None:
    config = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert "rules/*.yml" in config["rule_files"]
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert set(re.findall(r"job=\"(\w+)\"", " ".join(expressions()))) <= jobs


@pytest.mark.parametrize(
    "command",
    [("check", "rules", str(RULES)), ("test", "rules", str(RULE_TESTS))],
    ids=["check", "test"],
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    """With Prometheus's own tool, where it is installed: syntax, and what fires when."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    """tests/data/alerts.yml makes each alert fire once (`promtool test rules`)."""
    tests = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in alerts()}


def test_every_metric_is_explained() -> None:
    """The table of docs/operating.md: the name that Prometheus stores, and the kind."""
    explained = {row[0].strip("`"): row[1] for row in rows("Metrics")}
    kinds = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in exposed().values()
    }
    assert explained == kinds


def test_every_work_that_may_fail_is_explained() -> None:
    """The sweeps' steps: in the table, and there as a sample before the first failure."""
    (told,) = [row[2] for row in rows("Metrics") if "sweep_failures" in row[0]]
    named = set(re.findall(r"`([\w-]+)`", told)) - {"work"}
    samples = exposed()["register_sweep_failures_total"].samples
    assert named == {sample.labels["work"] for sample in samples}


def test_every_setting_is_explained() -> None:
    """The table of docs/operating.md: every setting of a worker, with its default."""
    explained = {row[0].strip("`"): row[1] for row in rows("Settings")}
    assert explained == {
        name.upper(): _default(field.default) for name, field in Settings.model_fields.items()
    }


def _default(value: object) -> str:
    """A default as the table writes it."""
    if value is PydanticUndefined:
        return "–"
    if value in ("", None):
        return "empty"
    if isinstance(value, SecretStr):
        return "a secret"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_topics_in_the_commands_exist() -> None:
    assert set(re.findall(r"-t ([\w.-]+)", OPERATING)) <= TOPICS.keys()
