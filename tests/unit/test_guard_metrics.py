"""The metrics of a watch, its example alert rules and its dashboard."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from harness import cli
from harness.guard.seen import Known, Looked
from harness.guard.watch import Limits, Watch
from harness.words.places import ROOT
from tests.unit.guarded_server import NOW, Server

pytest.importorskip("prometheus_client", reason="it is an extra: prefect-run-survival[watch]")
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from harness.guard.metrics import Metrics, families

DOCS = ROOT / "docs" / "how-to"
NAME = re.compile(r"prefect_guard_\w+")


@pytest.fixture
def watch() -> Watch:
    """Of a server that was seen, with one of all that can be counted."""
    found = Watch(Limits(1, 1), known={"2": Known("a/gone", {}), "1": Known('a/"b"\\c', {"tags": "0"})}, last="x")
    looked = Looked(
        NOW, "3.3.3", {"1": Known('a/"b"\\c', {"tags": "1"})}, {"1": {"overdue": 3, "awaiting-slot": 2}},
        {"1": 2}, {"1": NOW - timedelta(seconds=90)}, {},
    )  # fmt: skip
    found.saw(looked, {"1": ["r1", "r2"]}, "y", 10.0)
    return found


def text_of(watch: Watch) -> str:
    class Collector:
        def collect(self) -> Iterator[Any]:
            return iter(families(watch, 1_000.0))

    registry = CollectorRegistry()
    registry.register(Collector())
    return str(generate_latest(registry), "utf-8")


def values(watch: Watch) -> dict[str, float]:
    """By name and labels."""
    samples = [sample for each in text_string_to_metric_families(text_of(watch)) for sample in each.samples]
    return {" ".join([one.name.removeprefix("prefect_guard_"), *one.labels.values()]): one.value for one in samples}


def test_what_a_watch_knows_is_in_its_metrics(watch: Watch) -> None:
    assert values(watch) == {
        "up": 1, "looks_total succeeded": 1, "looks_total failed": 0, "outages_total": 0,
        'deployment_changes_total changed a/"b"\\c': 1, "deployment_changes_total removed a/gone": 1,
        'runs_deleted_total a/"b"\\c': 2, 'waiting_runs overdue a/"b"\\c': 3, 'waiting_runs awaiting-slot a/"b"\\c': 2,
        'late_runs a/"b"\\c': 2, 'oldest_overdue_seconds a/"b"\\c': 90, "server_info 3.3.3": 1,
        "last_look_timestamp_seconds": 1_000.0, "deployments": 1,
    }  # fmt: skip


@pytest.mark.rule(
    "guard-metrics-none-while-away", "While a server is away, no metric says what waits on it: that is not known."
)
def test_what_waits_is_not_said_while_the_server_is_away(watch: Watch) -> None:
    watch.missed("no answer", "z", 20.0)
    said = values(watch)
    assert (said["up"], said["outages_total"], said['runs_deleted_total a/"b"\\c']) == (0, 1, 2)
    of_a_look = ("waiting", "late", "oldest", "last", "server", "deployments")
    assert not [name for name in said if name.startswith(of_a_look)]


@pytest.mark.rule("guard-metrics-from-zero", "What is counted of a deployment is in the metrics before there is any.")
def test_counters_of_a_deployment_begin_at_zero(watch: Watch) -> None:
    assert watch.looked
    watch.saw(replace(watch.looked, deployments={"3": Known("a/quiet", {})}), {}, "z", 20.0)
    said = values(watch)
    assert (said["runs_deleted_total a/quiet"], said["deployment_changes_total changed a/quiet"]) == (0, 0)


@pytest.mark.parametrize("file", ["guard-alerts.yml", "guard-dashboard.json"])
def test_alerts_and_dashboard_ask_for_metrics_that_there_are(watch: Watch, file: str) -> None:
    asked = set(NAME.findall((DOCS / file).read_text(encoding="utf-8")))
    there = {sample.name for each in text_string_to_metric_families(text_of(watch)) for sample in each.samples}
    assert asked and not asked - there


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    board = json.loads((DOCS / "guard-dashboard.json").read_text(encoding="utf-8"))
    assert board["title"] and board["schemaVersion"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 5
    assert all(target["expr"] and panel["gridPos"] for panel in board["panels"] for target in panel["targets"])


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not installed")
    return found


def test_promtool_accepts_the_alert_rules_and_every_query_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    board = json.loads((DOCS / "guard-dashboard.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(asked)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", str(DOCS / "guard-alerts.yml"), str(tmp_path / "panels.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_metrics(promtool: str, watch: Watch) -> None:
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text_of(watch), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_alert_of_deleted_runs_fires_by_promtools_own_test(promtool: str, tmp_path: Path) -> None:
    values = {
        'prefect_guard_runs_deleted_total{deployment="a/b"}': "0 0 3 3 3",
        'prefect_guard_late_runs{deployment="a/b"}': "3 3 0 0 0",
        'prefect_guard_deployment_changes_total{deployment="a/b",change="changed"}': "0 0 1 1 1",
    }
    fires = [
        {"eval_time": "3m", "alertname": name, "exp_alerts": [{"exp_labels": labels}]}
        for name, labels in (
            ("PrefectRunsDeleted", {"severity": "critical", "deployment": "a/b"}),
            ("PrefectDeploymentChangedWithBacklog", {"severity": "warning", "deployment": "a/b", "change": "changed"}),
        )
    ]
    alerts = yaml.safe_load((DOCS / "guard-alerts.yml").read_text(encoding="utf-8"))
    for rule in alerts["groups"][0]["rules"]:
        rule.pop("annotations")
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(alerts))
    test = {
        "rule_files": ["alerts.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": said} for series, said in values.items()],
                "alert_rule_test": fires,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_are_served_on_the_loopback_alone_and_a_taken_port_is_refused(
    watch: Watch, server: Server, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["guard", "watch", "--api", url, "--port", str(port), "--for", "1"]) == 2
        assert f"--port {port} cannot be used" in capfd.readouterr().err
    metrics = Metrics(port)
    try:
        assert metrics._server.server_address[0] == "127.0.0.1"
        metrics.show(watch)
        assert "prefect_guard_up 1.0" in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    finally:
        metrics.close()
