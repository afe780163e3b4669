"""`harness guard watch`: what it says of each look at a server, of one that is away, and when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.guard.client import Client, NoWordError
from harness.guard.watch import (
    AWAY,
    BACK,
    CHANGED,
    CREATED,
    LATE,
    NO_MORE_LATE,
    NO_MORE_SLOTS,
    RELEASE,
    REMOVED,
    RUNS_DELETED,
    SEEN,
    SLOTS,
    Event,
    Limits,
    Watch,
)  # fmt: skip
from harness.guard.watch_told import line_of
from harness.guard.watching import Pace, Watching
from harness.guard.where import Where
from harness.words.clock import MovableClock
from harness.words.waiting import NotYet, wait_until
from tests.unit.guarded_server import DEPLOYMENT, SCHEDULE, Server

OTHER = "00000000-0000-0000-0000-00000000000f"
Step = Callable[[], object]


class Steps(MovableClock):
    """A clock on which waiting takes no time; before each look but the first, one of these steps is done."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.at, self._steps = 0.0, iter(steps)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        if seconds > 1:  # not between two tries of a call
            next(self._steps, lambda: None)()


def watched(url: str, *steps: Step, watch: Watch | None = None, late: int = 10, slots: int = 10) -> list[list[Event]]:
    """What is said of each look: of the first, and of one after each of these steps."""
    said: list[list[Event]] = []
    pace = Pace(every=30.0, look=60.0, lasts=30.0 * len(steps) + 15)
    known = watch or Watch(Limits(late, slots))
    Watching(Where(url), known, pace, lambda events: said.append(list(events)), Steps(steps)).go_on()
    assert len(said) == len(steps) + 1
    return said


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


# Deployments.


@pytest.mark.rule("guard-watch-first-look", "The first look of a watch calls no deployment new.")
def test_a_deployment_is_new_only_after_the_first_look(server: Server, url: str) -> None:
    first, second, third = watched(
        url, lambda: server.deploy(OTHER, "hourly", []), lambda: server.deployments.pop(OTHER)
    )
    assert kinds(first) == [SEEN]
    assert [(event.kind, event.deployment) for event in second] == [(CREATED, "flow/hourly")]
    assert [(event.kind, event.deployment) for event in third] == [(REMOVED, "flow/hourly")]


def test_a_deployment_that_changed_is_told_with_its_fields_and_never_with_their_values(
    server: Server, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def change() -> None:
        server.deployments[DEPLOYMENT] |= {"parameters": {"password": "hunter2"}, "tags": ["etl"]}

    _, (event,) = watched(url, change)
    assert (event.kind, list(event.fields)) == (CHANGED, ["parameters", "tags"])
    assert "hunter2" not in repr(event)
    assert "flow/nightly changed: parameters, tags; waiting before: none; now: none" in line_of(event, dated=False)


@pytest.mark.rule("guard-watch-backlog-before", "A change is told with the backlog of the look before it.")
def test_a_change_is_told_with_the_backlog_before_it_and_after_it(server: Server, url: str) -> None:
    for number in range(3):
        server.add(number)
    server.add(3, "AwaitingConcurrencySlot")
    server.add(4, "Scheduled", ahead=60.0)  # an upcoming one is no backlog

    def deploy() -> None:
        server.runs.clear()
        server.deployments[DEPLOYMENT]["version"] = "2"

    _, (changed, deleted) = watched(url, deploy)
    assert (changed.kind, changed.before, changed.now) == (CHANGED, {"overdue": 3, "awaiting-slot": 1}, {})
    assert (deleted.kind, deleted.runs, len(deleted.ids)) == (RUNS_DELETED, 4, 4)


@pytest.mark.parametrize(
    ("schedules", "fields"),
    [
        ([{"id": "another", "active": True}], ["schedules made anew"]),
        ([{"id": SCHEDULE, "active": False}], ["schedules"]),
        ([{"id": "another", "active": False}], ["schedules"]),
        ([{"id": SCHEDULE, "active": True, "updated": "2026-11-28T12:00:00Z"}], None),
    ],
)
def test_schedules_that_were_made_anew_are_told_apart_from_changed_ones(
    server: Server, url: str, schedules: list[Any], fields: list[str] | None
) -> None:
    _, events = watched(url, lambda: server.deployments[DEPLOYMENT].update(schedules=schedules))
    assert [list(event.fields) for event in events] == ([fields] if fields else [])


def test_what_moves_by_itself_is_no_change(server: Server, url: str) -> None:
    def poll() -> None:
        slots = {"limit": 1, "active_slots": 1}
        server.deployments[DEPLOYMENT] |= {"updated": "x", "last_polled": "x", "global_concurrency_limit": slots}

    server.deployments[DEPLOYMENT]["global_concurrency_limit"] = {"limit": 1, "active_slots": 0}
    _, events, (limit,) = watched(
        url, poll, lambda: server.deployments[DEPLOYMENT].update(global_concurrency_limit={"limit": 2})
    )
    assert (events, list(limit.fields)) == ([], ["concurrency_limit"])


# Runs.


@pytest.mark.rule(
    "guard-watch-deleted-by-two-looks", "A watch calls a run deleted only if its look-up by id says so, too."
)
def test_a_run_that_has_begun_is_not_called_deleted(server: Server, url: str) -> None:
    begun, unlisted, gone = (server.add(number) for number in range(3))
    server.instead = lambda request, body: (200, {"id": unlisted}) if request == f"GET /flow_runs/{unlisted}" else None

    def step() -> None:
        server.runs[begun]["state_type"] = "RUNNING"
        del server.runs[unlisted], server.runs[gone]

    watch = Watch(Limits(10, 10))
    _, (event,) = watched(url, step, watch=watch)
    assert (event.kind, event.runs, list(event.ids)) == (RUNS_DELETED, 1, [gone])
    assert watch.deleted == {"flow/nightly": 1}


@pytest.mark.rule("guard-watch-limit-crossed", "What is over a limit is told when it crosses it, and not at each look.")
def test_late_runs_and_runs_without_a_slot_are_told_when_they_cross_their_limit(server: Server, url: str) -> None:
    def late_and_waiting() -> None:
        for number in range(4):
            server.add(number)
            server.add(10 + number, "AwaitingConcurrencySlot")
        server.add(20, ahead=-59.0)  # not late yet
        server.add(21, auto_scheduled=False, ahead=-3600.0)

    def begun() -> None:
        for run in server.runs.values():
            run["state_type"] = "RUNNING"

    looks = watched(url, late_and_waiting, lambda: server.add(30, ahead=-3600.0), begun, late=4, slots=3)
    assert [kinds(look)[1 if number == 0 else 0 :] for number, look in enumerate(looks)] == [
        [], [LATE, SLOTS], [], [NO_MORE_LATE, NO_MORE_SLOTS],
    ]  # fmt: skip
    assert [(event.runs, event.most) for event in looks[1]] == [(5, 4), (4, 3)]
    assert "flow/nightly: 5 runs are late, more than 4" in line_of(looks[1][0], dated=True)


def test_a_deployment_that_is_deleted_with_its_late_runs_is_told_by_its_name(server: Server, url: str) -> None:
    runs = [server.add(number) for number in range(2)]

    def delete() -> None:
        del server.deployments[DEPLOYMENT]
        server.runs.clear()

    _, events = watched(url, delete, late=1)
    assert kinds(events) == [REMOVED, RUNS_DELETED, NO_MORE_LATE]
    assert {event.deployment for event in events} == {"flow/nightly"}
    assert (events[0].before, sorted(events[1].ids)) == ({"overdue": 2}, runs)


# A server that is away.


@pytest.mark.rule("guard-watch-away-once", "A server that is away is told once, until it answers again.")
def test_a_server_that_is_away_is_told_once_and_what_changed_meanwhile_when_it_is_back(
    server: Server, url: str
) -> None:
    server.add(1)

    def away() -> None:
        server.instead = lambda request, body: (500, {"exception_message": "Internal Server Error"})

    def back() -> None:
        server.instead = lambda request, body: None
        server.version = "3.3.4"
        server.runs.clear()
        server.deployments[DEPLOYMENT]["paused"] = True

    watch = Watch(Limits(10, 10))
    _, gone, still, again, after = watched(url, away, lambda: None, back, lambda: None, watch=watch)
    assert kinds(gone) == [AWAY] and "answered GET /admin/version with 500" in gone[0].why
    assert (kinds(still), kinds(after)) == ([], [])
    assert kinds(again) == [BACK, RELEASE, CHANGED, RUNS_DELETED]
    assert again[0].seconds >= 60
    assert again[2].before == {"overdue": 1}
    assert (watch.looks, watch.failed, watch.outages) == (3, 2, 1)


@pytest.mark.rule(
    "guard-watch-wrong-key", "A watch ends at once if its first answer is a no that will not pass: a wrong key or URL."
)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_url_ends_a_watch_at_its_first_look_and_not_later(server: Server, url: str, status: int) -> None:
    def refuse() -> None:
        server.instead = lambda request, body: (status, {"detail": "no"})

    _, (event,) = watched(url, refuse)
    assert (event.kind, str(status) in event.why) == (AWAY, True)
    server.asked.clear()
    with pytest.raises(NoWordError, match=str(status)):
        watched(url, lambda: None)
    assert server.asked == ["GET /admin/version"]


@pytest.mark.rule("guard-watch-no-look", "A watch of which no look succeeded ends with 125.")
def test_a_server_that_was_never_there_is_waited_for_and_ends_with_125(
    server: Server, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = url.replace("127.0.0.1", "127.1.2.3")  # where nobody listens
    said: list[Sequence[Event]] = []
    watching = Watching(Where(nowhere), Watch(Limits(1, 1)), Pace(30.0, 60.0, 100.0), said.append, Steps([]))
    with pytest.raises(NoWordError, match="cannot be reached"):
        watching.go_on()
    assert [kinds(each) for each in said] == [[AWAY], [], [], []]
    assert cli.main(["guard", "watch", "--api", nowhere, "--for", "1", "--every", "1"]) == 125


def test_a_look_that_fails_half_way_changes_nothing_of_what_is_known(server: Server, url: str) -> None:
    server.add(1)

    def half() -> None:
        server.runs.clear()
        server.instead = lambda request, body: (200, "<html>") if request == "POST /deployments/filter" else None

    def whole() -> None:
        server.instead = lambda request, body: None

    _, failed, good = watched(url, half, whole)
    assert (kinds(failed), kinds(good)) == ([AWAY], [BACK, RUNS_DELETED])


# How it ends.


def test_a_look_that_takes_long_is_followed_by_a_pause_as_long(client: Client, server: Server, url: str) -> None:
    slept: list[float] = []

    class Sleeps(Steps):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            super().sleep(seconds)

    clock = Sleeps([])

    def slow(request: str, body: Any) -> None:
        clock.at += 10.0 if request == "GET /health" else 0.0

    server.instead = slow
    Watching(Where(url), Watch(Limits(1, 1)), Pace(12.0, 60.0, 55.0), lambda events: None, clock).go_on()
    assert slept == [10.0, 10.0, 5.0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_watch_with_its_last_line_and_that_of_its_record(
    server: Server, url: str, number: int, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "record.jsonl"
    words = ["guard", "watch", "--api", url, "--every", "3600", "--record", str(file)]
    root = str(Path(cli.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip

    def looked() -> None:
        if not file.exists() or not file.stat().st_size:
            raise NotYet("no line yet")

    try:
        wait_until("its first look", looked, seconds=60)
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors) == (code, "")
    assert "1 looks, 0 failed" in said.splitlines()[-1]
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["kind"], last["looks"]) == ("ended", 1)


def test_a_key_is_never_printed_or_kept(
    server: Server, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "pnu_abcdefghijklmnopqrstuvwxyz0123456789"
    (tmp_path / "key").write_text(key)
    server.instead = lambda request, body: (500, f"no such key: {key}") if "deployments" in request else None
    words = ["--api", url, "--for", "1", "--every", "1", "--key-file", str(tmp_path / "key")]
    assert cli.main(["guard", "watch", *words, "--record", str(tmp_path / "record")]) == 125
    assert server.headers[0]["Authorization"] == f"Bearer {key}"
    said = capfd.readouterr()
    assert "no such key: ***" in said.out
    assert key not in said.out + said.err + (tmp_path / "record").read_text()
