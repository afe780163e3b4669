"""Measure how many runs are at risk, by interval, concurrency limit and number of workers; writes measured.json.

    python measure.py --python PATH      a Python that has the Prefect to be tried
    python measure.py --release 3.9.1    or its release; uv brings it

The standard library alone, and nothing of the harness. At risk is a run that is due and has not begun: Late,
AwaitingConcurrencySlot, or Scheduled past its time. Twice, a server of its own in a temporary folder lets deployments
tick side by side; real workers start _stand_in.py for each run. All that is started is ended by its process group.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shapes import PASSES, Shape, empty_times

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from _servers import STAND_IN, Server, iso, moment, of_prefect, pythons_of, serving, working  # noqa: E402

QUERY_SECONDS, EVERY = 2, 5  # a worker asks for runs; the runs at risk are counted
LEAD = 30  # seconds from the first deployment made to the first tick


def measured(python: list[str], slot_wait: int, shapes: list[Shape], seconds: int) -> dict[str, Any]:
    """One pass: a server, its workers and deployments; what was counted. Raises: TimeoutError."""
    settings = {
        "PREFECT_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": str(slot_wait),
        "PREFECT_WORKER_QUERY_SECONDS": str(QUERY_SECONDS),
        "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": f"00:{seconds // 60 + 2:02}:00",
    }
    with (
        serving(python, settings) as (server, folder, environment),
        working(server, python, folder, environment, _workers(shapes)),
    ):
        return _counted(server, folder, slot_wait, shapes, seconds)


def _workers(shapes: list[Shape]) -> dict[str, list[list[str]]]:
    """By work pool, the words of each of its workers."""
    commands = {}
    for pool, one in {shape.pool: shape for shape in shapes}.items():
        limit = [] if one.worker_limit is None else ["--limit", str(one.worker_limit)]
        commands[pool] = [["--prefetch-seconds", str(one.prefetch), *limit]] * one.workers
    return commands


def _deployed(server: Server, folder: Path, shapes: list[Shape], began: int) -> dict[str, Shape]:
    """The deployments, by id; each has its first tick within the six seconds from `began` on."""
    flow = server("POST", "/flows/", {"name": "tune"})["id"]
    made = {}
    for number, shape in enumerate(shapes):
        first = began + number % 6  # so that not all begin at once
        words = [sys.executable, "-IS", STAND_IN, folder, first, shape.interval, *shape.run_times]
        start = datetime.fromtimestamp(first, timezone.utc).strftime("%Y%m%dT%H%M%S")
        rule = f"DTSTART:{start}\nRRULE:FREQ=SECONDLY;INTERVAL={shape.interval}"
        asked = {
            "name": f"tune-{number}",
            "flow_id": flow,
            "work_pool_name": shape.pool,
            "concurrency_limit": shape.limit,
            "job_variables": {"command": shlex.join(map(str, words))},
            "schedules": [{"schedule": {"rrule": rule, "timezone": "UTC"}, "active": True}],
        }
        made[server("POST", "/deployments/", asked)["id"]] = shape
    return made


def _counted(server: Server, folder: Path, slot_wait: int, shapes: list[Shape], seconds: int) -> dict[str, Any]:
    began = int(time.time()) + LEAD
    deployments = _deployed(server, folder, shapes, began)
    if time.time() > began:
        raise TimeoutError(f"the deployments were made within {time.time() - began + LEAD:.0f} s, more than {LEAD} s")
    counts: dict[str, list[tuple[float, int]]] = {one: [] for one in deployments}
    for number in range(1, seconds // EVERY + 1):
        time.sleep(max(0.0, began + number * EVERY - time.time()))
        due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": iso(now := time.time())}}
        at_risk = Counter(run["deployment_id"] for run in server.runs(list(deployments), **due))
        for one, counted in counts.items():
            counted.append((round(now - began, 1), at_risk[one]))
    ended = time.time()
    refused = (folder / "log").read_text(encoding="utf-8", errors="replace").count("sqlite3.OperationalError) database")
    runs = server.runs(list(deployments), expected_start_time={"before_": iso(ended)})
    told = []
    for one, shape in deployments.items():
        own = [
            _times(server, run["id"], run["expected_start_time"], ended) for run in runs if run["deployment_id"] == one
        ]
        held = [end - got for _, got, end in own if got is not None and end is not None]
        empty = empty_times(shape.slots, own)
        told.append(
            asdict(shape)
            | {
                "slots": shape.slots,
                "slot_wait": slot_wait,
                "at_risk": counts[one],
                "due": len(own),
                "ended": len(held),
            }
            | {"overhead": round(statistics.mean(held) - shape.run_time, 2) if held else None}
            | {"empty": round(statistics.mean(empty), 2) if empty else None, "emptied": len(empty)}
            | {"states": Counter(run["state_name"] for run in runs if run["deployment_id"] == one)}
        )
    return {
        "release": server("GET", "/admin/version"),
        "seconds": round(ended - began, 1),
        "refused_writes": refused,
        "deployments": told,
    }


def _times(server: Server, run: str, due: str, ended: float) -> tuple[float, float | None, float | None]:
    """When a run was due, entered Pending (and took its slot), and was Completed, if it was by then."""
    states: dict[str, float] = {}  # the first of each type: a run is Pending, then Submitting, which is of that type
    for state in sorted(server("GET", f"/flow_run_states/?flow_run_id={run}"), key=lambda one: one["timestamp"]):
        states.setdefault(state["type"], moment(state["timestamp"]))
    got, end = states.get("PENDING"), states.get("COMPLETED")
    return moment(due), got if got and got <= ended else None, end if end and end <= ended else None


def main() -> None:
    """Measure each pass, one after the other, and write what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    of_prefect(parser)
    parser.add_argument("--seconds", type=int, default=180, help="of ticks, in each pass (default: 180)")
    parser.add_argument("--only", action="append", choices=PASSES, help="this pass; more than once: these")
    parser.add_argument("--into", type=Path, default=HERE / "measured.json", metavar="FILE")
    asked = parser.parse_args()
    (python,) = pythons_of(asked)
    passes = []
    for name in asked.only or PASSES:
        slot_wait, shapes = PASSES[name]
        print(
            f"{len(shapes)} deployments, {asked.seconds} s, a run that found no slot asks again after {slot_wait} s",
            flush=True,
        )
        passes.append(measured(python, slot_wait, shapes, asked.seconds))
        print(f"refused writes: {passes[-1]['refused_writes']}")
        for one in passes[-1]["deployments"]:
            shown = ("curve", "interval", "slots", "due", "ended", "overhead", "empty", "states")
            print(*(one[key] for key in shown), one["at_risk"][-1], flush=True)
    told = {"schema": 1, "date": iso(time.time())[:10], "query_seconds": QUERY_SECONDS, "passes": passes}
    asked.into.write_text(json.dumps(told, indent=None, separators=(",", ":")).replace('{"curve"', '\n{"curve"') + "\n")


if __name__ == "__main__":
    main()
