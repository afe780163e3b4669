"""What a watch knows, as Prometheus metrics on a loopback port. The only file that needs prometheus-client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from harness.guard.watch import CHANGED, Watch
from harness.words.errors import UsageError

LOOPBACK = "127.0.0.1"


class Metrics:
    """Serves them from its making on. Nothing is kept of a deployment that is gone, but what was counted of it."""

    def __init__(self, port: int) -> None:
        """Raises: UsageError where the port is taken."""
        self._families: list[Metric] = []
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, _ = start_http_server(port, addr=LOOPBACK, registry=registry)
        except OSError as error:
            raise UsageError(f"--port {port} cannot be used: {error.strerror}. Name another.") from None

    def collect(self) -> Iterator[Metric]:
        """What was shown last, whole: a scrape in the middle of a look sees none of it."""
        yield from self._families

    def show(self, watch: Watch) -> None:
        """Show what a watch knows by now."""
        self._families = families(watch, time.time())

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()


def families(watch: Watch, now: float) -> list[Metric]:
    """Every metric, by what a watch knows; `now` in seconds since 1970."""
    up = _gauge("up", "Whether the last look at the server succeeded", watch.looked and watch.away_since is None)
    looks = _counter("looks", "Looks at the server", "outcome")
    looks.add_metric(["succeeded"], watch.looks)
    looks.add_metric(["failed"], watch.failed)
    outages = _counter(
        "outages", "How often the server gave no answer, from the first failed look to the next good one"
    )
    outages.add_metric([], watch.outages)
    # From 0 on: `increase` sees nothing of a counter that begins with what it has to count.
    names = {one.name for one in watch.known.values()}  # rule: guard-metrics-from-zero (gives {})
    changes = _counter("deployment_changes", "Deployments that were new, changed or removed", "deployment", "change")
    for name, kind in sorted({(name, CHANGED) for name in names} | watch.changes.keys()):
        changes.add_metric([name, kind], watch.changes[name, kind])
    gone = _counter("runs_deleted", "Runs that waited at a look and were gone at the next", "deployment")
    for name in sorted(names | watch.deleted.keys()):
        gone.add_metric([name], watch.deleted[name])
    return [up, looks, outages, changes, gone, *_of_look(watch, now)]


def _of_look(watch: Watch, now: float) -> list[Metric]:
    """Of the last look that succeeded. Where the server is away they are none: what waits is not known then."""
    looked = watch.looked
    if not looked or watch.away_since is not None:  # rule: guard-metrics-none-while-away
        return []
    waiting = _gauge("waiting_runs", "Runs that wait, upcoming ones left out", None, "deployment", "backlog")
    late = _gauge("late_runs", "Runs that are later than --late-after, and wait for no slot", None, "deployment")
    oldest = _gauge("oldest_overdue_seconds", "How long the oldest overdue run has been due", None, "deployment")
    for known in looked.deployments.keys() | looked.waiting.keys():
        name = looked.name_of(known)
        for kind, number in looked.waiting.get(known, {}).items():
            waiting.add_metric([name, kind], number)
        late.add_metric([name], looked.late.get(known, 0))
        if tick := looked.oldest.get(known):
            oldest.add_metric([name], (looked.at - tick).total_seconds())
    release = _gauge("server_info", "The server's release", None, "version")
    release.add_metric([looked.version], 1)
    at = _gauge("last_look_timestamp_seconds", "When the last look succeeded", now)
    return [waiting, late, oldest, release, at, _gauge("deployments", "Deployments", len(looked.deployments))]


def _gauge(name: str, says: str, value: Any, *labels: str) -> GaugeMetricFamily:
    found = GaugeMetricFamily(f"prefect_guard_{name}", f"{says}.", labels=labels)
    if not labels:
        found.add_metric([], float(value or 0))
    return found


def _counter(name: str, says: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"prefect_guard_{name}", f"{says}.", labels=labels)
