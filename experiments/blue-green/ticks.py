"""Measure whether ticks run twice, or never, as a second deployment takes over from a first; writes ticks.json and .md.

    python ticks.py --python PATH ...            Pythons that have the Prefect to be tried
    python ticks.py --release 3.3.3 3.9.1 ...    or its releases; uv brings them

The standard library alone, and nothing of the harness. Both deployments of a pair, blue and green, have the same
schedule. For each way to switch, pairs of their own tick side by side on one server with Prefect's default loops; a
worker with its defaults (it asks every 10 s for the runs of the next 10 s) executes them. Counted are the runs of a
pair that completed for each tick, and which deployment they were of.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from _servers import STAND_IN, Server, iso, moment, of_prefect, pythons_of, serving, working  # noqa: E402

INTERVAL, POOL = 20, "pool"  # seconds between ticks
BEFORE, AFTER = 3, 6  # ticks that are counted before and after the switch begins
LEAD = 40  # seconds from the first deployment made to the first tick that is counted

BLUE_OFF, GREEN_ON, GREEN_MADE, GREEN_MADE_OFF = "blue off", "green on", "green made", "green made, off"


@dataclass(frozen=True)
class Way:
    """How it is switched: what is done, and when, in seconds from a tick on."""

    words: str
    deeds: Sequence[tuple[float, str]]


def ways() -> list[Way]:
    """All that are measured."""
    found = [
        Way("both active for a minute", [(10, GREEN_MADE), (70, BLUE_OFF)]),
        Way("neither active for a minute", [(10, BLUE_OFF), (70, GREEN_MADE)]),
    ]
    for seconds in (15, 8, 2):
        at = INTERVAL - seconds
        near = f"{seconds} s before a tick"
        found += [
            Way(f"blue off, then green made, {near}", [(at, BLUE_OFF), (at, GREEN_MADE)]),
            Way(f"green made, then blue off, {near}", [(at, GREEN_MADE), (at, BLUE_OFF)]),
            Way(f"green there; blue off, green on, {near}", [(-30, GREEN_MADE_OFF), (at, BLUE_OFF), (at, GREEN_ON)]),
        ]
    return found


class Pair:
    """A blue deployment, and the green one that takes over. `first`: the first tick that is counted."""

    def __init__(self, server: Server, name: str, body: dict[str, Any], first: int) -> None:
        self._server, self._name, self.first = server, name, first
        schedule = {"interval": INTERVAL, "anchor_date": iso(first), "timezone": "UTC"}
        self._body = {**body, "schedules": [{"schedule": schedule}]}
        self.ids = {"blue": self._made("blue", active=True)}

    def do(self, deed: str) -> None:
        """One of the deeds."""
        if deed in (GREEN_MADE, GREEN_MADE_OFF):
            self.ids["green"] = self._made("green", active=deed == GREEN_MADE)
        else:
            colour, _, state = deed.partition(" ")
            self._set(self.ids[colour], active=state == "on")

    def _made(self, colour: str, *, active: bool) -> str:
        schedules = [{**one, "active": active} for one in self._body["schedules"]]
        body = {**self._body, "name": f"{self._name} {colour}", "schedules": schedules}
        return str(self._server("POST", "/deployments/", body)["id"])

    def _set(self, deployment: str, *, active: bool) -> None:
        (schedule,) = self._server("GET", f"/deployments/{deployment}")["schedules"]
        self._server("PATCH", f"/deployments/{deployment}/schedules/{schedule['id']}", {"active": active})


def measured(python: list[str], pairs: int) -> dict[str, Any]:
    """By way, for each pair: the runs that completed for each tick (`_completed`). Raises: TimeoutError."""
    with (
        serving(python, {}) as (server, folder, environment),
        working(server, python, folder, environment, {POOL: [[]]}),
    ):
        return _switched(server, folder, pairs)


def _switched(server: Server, folder: Path, pairs: int) -> dict[str, Any]:
    first = int(time.time()) + LEAD
    flow = server("POST", "/flows/", {"name": "work"})["id"]
    words = [sys.executable, "-IS", STAND_IN, folder, first, INTERVAL, 0]
    body = {"flow_id": flow, "work_pool_name": POOL, "job_variables": {"command": shlex.join(map(str, words))}}
    made: list[tuple[Way, list[Pair]]] = []
    for way in ways():
        made.append((way, []))
        for _ in range(pairs):  # they do not all tick at once: that is more than SQLite takes
            number = sum(len(each) for _, each in made)
            made[-1][1].append(Pair(server, f"{number} {way.words}", body, first + number * 7 % INTERVAL))
    deeds: list[tuple[float, Callable[[], None]]] = []
    for way, each in made:
        for pair in each:
            switch = pair.first + BEFORE * INTERVAL
            deeds += [(switch + at, partial(pair.do, deed)) for at, deed in way.deeds]
    if time.time() > first:
        raise TimeoutError(f"the deployments were not made within {LEAD} s")
    late = 0.0
    for at, do in sorted(deeds, key=lambda one: one[0]):
        time.sleep(max(0.0, at - time.time()))
        do()
        late = max(late, time.time() - at)
    time.sleep(max(0.0, first + (BEFORE + AFTER + 1) * INTERVAL + 30 - time.time()))
    told = [{"way": way.words, "pairs": [_completed(server, pair) for pair in each]} for way, each in made]
    return {"release": server("GET", "/admin/version"), "late": round(late, 1), "ways": told}


def _completed(server: Server, pair: Pair) -> list[str]:
    """For each tick that is counted, the runs of a pair that completed, each by the first letter of its colour."""
    letters = {deployment: colour[0] for colour, deployment in pair.ids.items()}
    by_tick: dict[int, str] = defaultdict(str)
    for run in server.runs(list(letters), state={"type": {"any_": ["COMPLETED"]}}):
        by_tick[round(moment(run["expected_start_time"]))] += letters[run["deployment_id"]]
    return ["".join(sorted(by_tick[pair.first + number * INTERVAL])) for number in range(BEFORE + AFTER)]


def page(told: Sequence[dict[str, Any]]) -> str:
    """The table of what was measured, as Markdown: of so many ticks, how many ran twice, and how many never."""
    releases = [one["release"] for one in told]
    lines = ["| | " + " | ".join(releases) + " |", "|---|" + "---|" * len(releases)]
    for number, way in enumerate(told[0]["ways"]):
        cells = [_cell([runs for pair in one["ways"][number]["pairs"] for runs in pair]) for one in told]
        lines.append(f"| {way['way']} | " + " | ".join(cells) + " |")
    late = [f"{one['late']} s" for one in told]
    lines.append("| *the latest request came after its time by* | " + " | ".join(late) + " |")
    return "\n".join(lines) + "\n"


def _cell(ticks: Sequence[str]) -> str:
    by_both, never = sum({"b", "g"} <= set(runs) for runs in ticks), ticks.count("")
    by_one = sum(len(runs) > 1 for runs in ticks) - by_both
    counted = ((by_both, "twice"), (by_one, "twice by one deployment"), (never, "never"))
    said = [f"{number} {words}" for number, words in counted if number]
    return f"{', '.join(said) or 'none'} of {len(ticks)}"


def main() -> None:
    """Measure each release, write what was counted, and print it as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2, help="of each way to switch (default: 2)")
    parser.add_argument("--into", type=Path, default=HERE / "ticks.json", metavar="FILE")
    of_prefect(parser, several=True)
    asked = parser.parse_args()
    told = [measured(python, asked.pairs) for python in pythons_of(asked)]
    asked.into.write_text(json.dumps(told).replace('{"way"', '\n{"way"') + "\n", encoding="utf-8")
    asked.into.with_suffix(".md").write_text(page(told), encoding="utf-8")
    print(page(told))


if __name__ == "__main__":
    main()
