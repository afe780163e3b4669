"""`harness guard snapshot` and `restore`: a file that is whole, and each lost run created anew, once."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness import cli
from harness.guard.client import Client, NoWordError
from harness.guard.restore import (
    LEFT,
    MADE_ANEW,
    NO_DEPLOYMENT,
    RESTORED,
    THERE,
    TO_CREATE,
    body_of,
    counts,
    create,
    look,
    plan,
    stands_for,
)
from harness.guard.runs import Run
from harness.guard.snapshot import Line, read, take
from harness.words.errors import UsageError
from tests.unit.guarded_server import DEPLOYMENT, NOW, SCHEDULE, Server, serve

OTHER = DEPLOYMENT.replace("2", "8")
KEY = "pnu_abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.jsonl"


def restore(file: Path, url: str, *more: str) -> int:
    return cli.main(["guard", "restore", str(file), "--api", url, *(more or ["--yes"])])


def fates(client: Client, file: Path) -> dict[str, int]:
    return counts(plan(client, read(file)))


# The file.


def test_a_snapshot_holds_what_it_takes_and_is_read_as_it_was_written(
    server: Server, url: str, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.page = 4
    monkeypatch.setenv("PREFECT_API_KEY", KEY)
    made = [server.add(number, job_variables={"cpu": number}) for number in range(11)]
    server.add(20, deployment_id=None)  # of no deployment: no deploy can delete it
    server.add(21, "Running", state_type="RUNNING")
    assert cli.main(["guard", "snapshot", "--into", str(file), "--api", url]) == 0
    assert f"harness guard restore {file}" in capsys.readouterr().out.replace("\n", " ")
    snapshot = read(file)
    assert (snapshot.header.api, snapshot.header.version, snapshot.at) == (url, "3.3.3", NOW + timedelta(seconds=1))
    assert sorted(line.run.id for line in snapshot.lines) == sorted(made)
    for line in snapshot.lines:
        own = server.runs[line.run.id]
        assert line.deployment == "flow/nightly"
        assert {name: own[name] for name in ("name", "parameters", "tags", "job_variables", "labels")} == {
            "name": line.run.name, "parameters": line.run.parameters, "tags": line.run.tags,
            "job_variables": line.run.job_variables, "labels": line.run.labels,
        }  # fmt: skip
        assert (line.run.expected_start_time, line.run.schedule) == (own["expected_start_time"], SCHEDULE)
    assert KEY not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.rule("guard-snapshot-kept", "A guard writes no snapshot over a file that is there.")
def test_a_file_that_is_there_is_kept(url: str, file: Path, client: Client) -> None:
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        take(client, file)
    assert cli.main(["guard", "snapshot", "--into", str(file), "--api", url]) == 2
    assert file.read_text(encoding="utf-8") == "mine"
    assert cli.main(["guard", "snapshot", "--into", str(file.parent / "no" / "x"), "--api", url]) == 2


@pytest.mark.parametrize("answer", [(500, {}), (200, [{"id": "x"}]), (200, {})])
def test_a_server_that_fails_in_the_middle_leaves_no_file(
    server: Server, url: str, file: Path, answer: tuple[int, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server.page = 5
    for number in range(20):
        server.add(number)
    server.instead = lambda request, body: answer if body and body.get("offset", 0) > 8 else None
    assert cli.main(["guard", "snapshot", "--into", str(file), "--api", url]) == 125
    assert list(file.parent.iterdir()) == []
    assert len(capsys.readouterr().err.splitlines()) <= 3


@pytest.mark.rule("guard-snapshot-renamed", "A snapshot comes to its place only as a whole.")
def test_while_a_snapshot_is_written_there_is_no_file(
    server: Server, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(1)
    seen: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda _: seen.append(file.exists()))
    assert take(client, file) == 1
    assert seen == [False]
    assert len(read(file).lines) == 1


@pytest.mark.rule("guard-snapshot-whole", "A snapshot whose check sum or number of runs is another is refused.")
def test_a_file_that_was_changed_or_is_half_is_refused(server: Server, url: str, file: Path) -> None:
    for number in range(3):
        server.add(number)
    cli.main(["guard", "snapshot", "--into", str(file), "--api", url])
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    broken = {
        "a line is missing": b"".join([*lines[:1], *lines[2:]]),
        "a value is another": whole.replace(b'"day":1', b'"day":7'),
        "the end is missing": b"".join(lines[:-1]),
        "cut in a line": whole[: len(whole) // 2],
        "without its last byte": whole[:-1],
        "empty": b"",
        "no JSON": b"x" * 50,
        "no header": b"".join(lines[1:]),
        "two headers": lines[0] + whole,
        "nested too deep": b"[" * 100_000,
    }
    asked = len(server.asked)
    for name, content in broken.items():
        file.write_bytes(content)
        assert restore(file, url) == 2, name
    assert server.asked[asked:] == []
    assert restore(file.parent / "nowhere", url) == 2


@pytest.mark.rule("guard-snapshot-one-end", "A snapshot that goes on after its end is refused.")
def test_two_snapshots_in_one_file_are_refused(server: Server, url: str, file: Path) -> None:
    server.add(1)
    cli.main(["guard", "snapshot", "--into", str(file), "--api", url])
    file.write_bytes(file.read_bytes() * 2)
    with pytest.raises(UsageError, match="goes on after its end"):
        read(file)


# What is lost.


def snapshot_of(client: Client, file: Path) -> None:
    take(client, file)


def test_what_is_there_is_not_touched(server: Server, client: Client, url: str, file: Path) -> None:
    kept = [server.add(number) for number in range(3)]
    snapshot_of(client, file)
    server.runs[kept[0]] |= {"state_type": "COMPLETED", "state_name": "Completed"}
    before = json.dumps(server.runs)
    assert fates(client, file) == {THERE: 3}
    assert restore(file, url) == 0
    assert (json.dumps(server.runs), server.created) == (before, [])


@pytest.mark.rule("guard-restores-no-upcoming", "A run that was upcoming at the snapshot is not created anew.")
def test_upcoming_runs_of_a_schedule_are_left_to_the_scheduler(server: Server, client: Client, file: Path) -> None:
    lost = [server.add(1), server.add(2, "Scheduled", ahead=60.0),
            server.add(3, "Scheduled", ahead=60.0, auto_scheduled=False, idempotency_key=None)]  # fmt: skip
    snapshot_of(client, file)
    for known in lost:
        del server.runs[known]
    assert fates(client, file) == {LEFT: 1, TO_CREATE: 2}


@pytest.mark.rule(
    "guard-gone-by-two-looks", "A run is created anew only if a listing and a look-up by its id both lack it."
)
def test_a_run_that_only_the_listing_lacks_is_disputed_and_not_created(
    server: Server, client: Client, url: str, file: Path
) -> None:
    hidden, lost = server.add(1), server.add(2)
    snapshot_of(client, file)
    own = server.runs[hidden]
    del server.runs[lost], server.runs[hidden]
    server.instead = lambda request, body: (200, own) if request == f"GET /flow_runs/{hidden}" else None
    found = look(client, read(file).lines)
    assert ([line.run.id for line in found.lines], list(found.disputed)) == ([lost], [hidden])
    assert restore(file, url) == 0
    assert [body["idempotency_key"] for body in server.created] == [f"restored {lost}"]


# Created anew, once.


def lose(server: Server, client: Client, file: Path, number: int = 5) -> list[str]:
    """So many runs in a snapshot, all deleted since."""
    made = [server.add(each, ahead=-60.0 * (each + 1)) for each in range(number)]
    snapshot_of(client, file)
    for known in made:
        del server.runs[known]
    return made


def test_a_lost_run_comes_back_as_it_was(server: Server, client: Client, url: str, file: Path) -> None:
    (lost,) = lose(server, client, file, 1)
    tick = (NOW - timedelta(seconds=60)).isoformat()
    assert restore(file, url) == 0
    (body,) = server.created
    assert body == {
        "name": f"run-0 (restored, of {tick})",
        "state": {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"scheduled_time": tick}},
        "parameters": {"day": 0},
        "tags": ["auto-scheduled", "etl"],
        "idempotency_key": f"restored {lost}",
        "labels": {"team": "data", "restored-run": lost, "restored-tick": tick},
    }


@pytest.mark.rule("guard-restored-once", "A lost run is created under a key that lets the server create it once.")
def test_restored_twice_is_created_once(
    server: Server, client: Client, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = lose(server, client, file)
    assert restore(file, url) == 0
    assert "5 of 5 lost runs were created anew" in capsys.readouterr().out
    before = json.dumps(server.runs)
    items = plan(client, read(file))
    assert counts(items) == {RESTORED: 5}
    assert restore(file, url) == 0
    assert (json.dumps(server.runs), len(server.created)) == (before, 5)
    # Also where a second restore made its plan before the first one created them.
    stale = [msgspec.structs.replace(item.line) for item in items]
    again = [type(items[0])(line, TO_CREATE, items[0].deployment) for line in stale]
    create(client, again, lambda _: None)
    assert (json.dumps(server.runs), len(server.created)) == (before, 5)
    assert {body["idempotency_key"] for body in server.created} == {f"restored {known}" for known in lost}


@pytest.mark.rule("guard-restored-before", "A run that was restored before is not created again, and the plan says so.")
def test_a_dry_run_says_what_was_restored_before(
    server: Server, client: Client, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(server, client, file)
    assert restore(file, url, "--dry-run") == 1
    assert "5 lost: to be created anew" in capsys.readouterr().out
    assert server.created == []
    assert restore(file, url) == 0
    assert restore(file, url, "--dry-run") == 0
    assert "5 restored before" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [(500, {}), (401, {}), (200, {"id": "x"})])
def test_a_restore_that_breaks_off_in_the_middle_goes_on_where_it_stopped(
    server: Server, client: Client, url: str, file: Path, answer: tuple[int, Any]
) -> None:
    lost = lose(server, client, file, 7)
    server.instead = lambda request, body: answer if "create_flow" in request and len(server.created) == 3 else None
    assert restore(file, url) == 125
    server.instead = lambda request, body: None
    assert fates(client, file) == {RESTORED: 3, TO_CREATE: 4}
    assert restore(file, url) == 0
    assert sorted(body["idempotency_key"] for body in server.created) == sorted(f"restored {one}" for one in lost)


def test_a_restore_whose_answer_is_lost_is_created_once(server: Server, client: Client, url: str, file: Path) -> None:
    """The server creates the run, and its answer does not come: the call is sent again."""
    lose(server, client, file, 3)

    def drop(request: str, body: Any) -> tuple[int, Any] | None:
        if "create_flow" in request and len(server.created) == 1 and not dropped:
            dropped.append(server._route(request, body))
            return 503, {}
        return None

    dropped: list[Any] = []
    server.instead = drop
    assert restore(file, url) == 0
    assert (len(server.created), len(server.runs), len(dropped)) == (3, 3, 1)


@pytest.mark.rule("guard-refused-one", "A restore goes on after a run that the server refuses, but not without a key.")
def test_a_run_that_is_refused_keeps_no_other_from_coming_back(
    server: Server, client: Client, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(server, client, file, 3)
    refused = (409, {"detail": "Error creating flow run: parameter day"})
    server.instead = lambda request, body: (
        refused if "create_flow" in request and body["parameters"]["day"] == 1 else None
    )
    assert restore(file, url) == 1
    said = capsys.readouterr().out
    assert "2 of 3 lost runs were created anew" in said and "refused: run-1 of flow/nightly: 409" in said
    server.instead = lambda request, body: (403, {}) if "create_flow" in request else None
    assert restore(file, url) == 125


# The tick.


@pytest.mark.rule("guard-tick-made-anew", "A tick that has another run of its schedule is not created anew.")
def test_a_tick_that_the_scheduler_made_anew_is_not_created(
    server: Server, client: Client, url: str, file: Path
) -> None:
    (lost,) = lose(server, client, file, 1)
    server.add(100, "Scheduled", ahead=-60.0)
    (item,) = plan(client, read(file))
    assert (item.fate, item.instead, item.line.run.id) == (MADE_ANEW, str(server.add(100)), lost)
    assert restore(file, url) == 0
    assert server.created == []


def test_a_run_that_a_person_made_at_the_same_time_is_no_tick(server: Server, client: Client, file: Path) -> None:
    lose(server, client, file, 1)
    server.add(100, ahead=-60.0, auto_scheduled=False, created_by=None, idempotency_key=None)
    assert fates(client, file) == {TO_CREATE: 1}


@pytest.mark.rule("guard-tick-stands-once", "A run stands for one lost run of its tick alone.")
def test_one_run_stands_for_one_lost_run(server: Server, client: Client, file: Path) -> None:
    """Two schedules without an id that the release names, of one time: one of their runs was made anew."""
    old: dict[str, Any] = {"created_by": None, "idempotency_key": None, "parameters": {}}
    lost = [server.add(number, **old) for number in (1, 2)]
    snapshot_of(client, file)
    for known in lost:
        del server.runs[known]
    server.add(100, **old)
    assert fates(client, file) == {MADE_ANEW: 1, TO_CREATE: 1}


def run_of(server: Server, number: int, **changed: Any) -> Run:
    return msgspec.convert(server.runs[server.add(number, **changed)], Run)


def of_schedule(known: str) -> dict[str, Any]:
    return {"created_by": {"type": "SCHEDULE", "id": known}, "idempotency_key": None}


@pytest.mark.rule("guard-tick-same-schedule", "A run of another schedule that is still there stands for no lost run.")
def test_a_run_of_another_schedule_does_not_stand_for_a_lost_one(server: Server, client: Client) -> None:
    (deployment,) = _deployments(client)
    lost, other = run_of(server, 1, parameters={}), run_of(server, 2, parameters={}, **of_schedule(OTHER))
    assert not stands_for(other, lost, deployment)
    made_anew = msgspec.structs.replace(deployment, schedules=())  # a deploy made its schedule under another id
    assert stands_for(other, lost, made_anew)
    assert not stands_for(msgspec.structs.replace(other, parameters={"x": 1}), lost, made_anew)
    assert stands_for(run_of(server, 3, parameters={"x": 1}), lost, deployment)


@pytest.mark.rule("guard-tick-same-time", "A run of another time stands for no lost run.")
def test_a_run_of_another_time_does_not_stand_for_a_lost_one(server: Server, client: Client, file: Path) -> None:
    (deployment,) = _deployments(client)
    assert not stands_for(run_of(server, 1, ahead=-120.0), run_of(server, 2), deployment)


def _deployments(client: Client) -> list[Any]:
    from harness.guard.listing import deployments_by_id

    return list(deployments_by_id(client, [DEPLOYMENT]).values())


# The deployment, the queue, the labels.


def test_a_deployment_that_was_deleted_and_deployed_again_takes_its_runs(
    server: Server, client: Client, url: str, file: Path
) -> None:
    lose(server, client, file, 2)
    del server.deployments[DEPLOYMENT]
    assert fates(client, file) == {NO_DEPLOYMENT: 2}
    assert restore(file, url) == 1
    server.deploy(OTHER, "nightly", [SCHEDULE])
    assert restore(file, url) == 0
    assert {run["deployment_id"] for run in server.runs.values()} == {OTHER}


@pytest.mark.rule(
    "guard-restored-into-its-queue", "A restored run comes into its own queue, if its deployment is in the same pool."
)
@pytest.mark.parametrize(
    ("pool", "queue", "named"),
    [("pool", "default", False), ("pool", "urgent", True), ("moved", "urgent", False), (None, None, False)],
)
def test_a_queue_is_named_only_in_the_pool_that_has_it(
    server: Server, client: Client, pool: str | None, queue: str | None, named: bool
) -> None:
    (deployment,) = _deployments(client)
    line = Line("flow/nightly", run_of(server, 1, work_pool_name=pool, work_queue_name=queue))
    assert ("work_queue_name" in body_of(line, deployment, "3.3.3")) == named


@pytest.mark.rule("guard-labels-where-taken", "Labels are sent only to releases that take them.")
@pytest.mark.parametrize(("version", "sent"), [("2.20.20", False), ("3.0.8", False), ("3.1.3", False), ("3.2.0", True),
                                               ("3.10.0", True)])  # fmt: skip
def test_labels_are_sent_where_they_are_taken(server: Server, client: Client, version: str, sent: bool) -> None:
    (deployment,) = _deployments(client)
    assert ("labels" in body_of(Line("", run_of(server, 1)), deployment, version)) == sent


def test_an_old_release_has_its_runs_back(server: Server, client: Client, url: str, file: Path) -> None:
    server.version = "2.20.20"
    lose(server, client, file, 2)
    assert restore(file, url) == 0
    assert len(server.created) == 2


# Whether it may.


@pytest.mark.rule("guard-restore-its-server", "A snapshot of another server is restored only if that is asked for.")
def test_a_snapshot_of_another_server_is_refused(server: Server, client: Client, url: str, file: Path) -> None:
    lose(server, client, file, 2)
    other = Server()
    with serve(other) as elsewhere:
        assert restore(file, elsewhere) == 2
        assert other.asked == []
        assert restore(file, elsewhere, "--yes", "--any-server") == 0
    assert len(other.created) == 2


def test_without_anybody_to_ask_nothing_is_created(
    server: Server, client: Client, url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(server, client, file, 2)
    asking = ["guard", "restore", str(file), "--api", url]
    monkeypatch.setattr("sys.stdin", _Keyboard(False, ""))
    assert cli.main(asking) == 2
    for typed, code in (("\n", 1), ("n\n", 1), ("", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", _Keyboard(True, typed))
        assert len(server.created) == 0
        assert cli.main(asking) == code, typed
    assert len(server.created) == 2


class _Keyboard:
    def __init__(self, is_there: bool, typed: str) -> None:
        self._is_there, self._typed = is_there, typed

    def isatty(self) -> bool:
        return self._is_there

    def readline(self) -> str:
        return self._typed


# Ten thousand.


# A process is said to have used what the one that forked it had: so this one, which is small, starts the command.
_MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def test_ten_thousand_runs_take_less_than_200_mib(server: Server, url: str, file: Path) -> None:
    for number in range(10_000):
        server.add(number, parameters={"text": "x" * 400, "day": number})
    words = [sys.executable, "-m", "harness", "guard"]
    for command in (["snapshot", "--into", str(file)], ["restore", str(file), "--dry-run"]):
        measured = [sys.executable, "-c", _MEASURED, *words, *command, "--api", url]
        done = subprocess.run(measured, capture_output=True, text=True, check=True)
        assert 20 * 1024 < int(done.stdout) < 200 * 1024  # KiB, on Linux
    assert len(read(file).lines) == 10_000


def test_a_key_that_ran_out_is_no_loss(server: Server, client: Client, file: Path) -> None:
    lose(server, client, file, 2)
    server.instead = lambda request, body: (401, {})
    with pytest.raises(NoWordError, match="with 401"):
        plan(client, read(file))
