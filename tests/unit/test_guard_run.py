"""`harness guard run`: a command between two looks, what it lost, and an exit code that tells both apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.guard import around as around_module
from harness.guard.around import After, after, check_command
from harness.guard.client import Client, NoWordError
from harness.guard.restore import MADE_ANEW, UNSURE, counts
from harness.guard.snapshot import read, take
from harness.words.errors import UsageError
from harness.words.waiting import NotYet, wait_until
from tests.unit import guarded_server
from tests.unit.guarded_server import NOW, Server

PYTHON = [sys.executable, "-c"]


@pytest.fixture
def url(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The same, for commands whose two looks come at once, and that run in the test's own folder."""
    monkeypatch.setattr(around_module, "_APART", 0.0)
    monkeypatch.chdir(tmp_path)
    return url


def deleting(server: Server, *lost: str, code: int = 0) -> list[str]:
    """A command that asks the server for something, which then loses these runs; it ends with this code."""
    route = server.instead

    def lose(request: str, body: Any) -> tuple[int, Any] | None:
        if request == "GET /deploy":
            for known in lost:
                server.runs.pop(known)
            return 200, True
        return route(request, body)

    server.instead = lose
    script = "import os, sys, urllib.request as u; u.urlopen(os.environ['PREFECT_API_URL'] + '/deploy'); "
    return [*PYTHON, f"{script} print('deployed', flush=True); sys.exit({code})"]


def guard_run(url: str, command: list[str], *more: str) -> int:
    return cli.main(["guard", "run", "--api", url, "--into", "s.jsonl", *more, "--", *command])


def test_a_deploy_that_loses_runs_says_so_and_restore_brings_them_back(
    server: Server, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    made = [server.add(number) for number in range(3)]
    assert guard_run(url, deleting(server, *made[:2])) == 1
    said = capfd.readouterr().out
    for words in (
        "deployed",
        "the command ended with 0",
        "2 runs were lost",
        f"harness guard restore s.jsonl --api {url}",
    ):
        assert words in said
    assert (
        said.index("3 runs, those to come among them, are in s.jsonl")
        < said.index("deployed")
        < said.index("2 runs were lost")
    )
    assert cli.main(["guard", "restore", "s.jsonl", "--api", url, "--yes"]) == 0
    assert sorted(body["idempotency_key"] for body in server.created) == sorted(f"restored {one}" for one in made[:2])


@pytest.mark.rule("guard-run-exit-lost", "`guard run` ends with 1 if runs were lost, whatever the command ended with.")
@pytest.mark.parametrize("code", [0, 7])
def test_a_loss_ends_with_1_whatever_the_command_says(server: Server, url: str, code: int) -> None:
    assert guard_run(url, deleting(server, server.add(1), code=code)) == 1


@pytest.mark.rule("guard-run-exit-command", "`guard run` ends with 3 if the command failed and nothing was lost.")
@pytest.mark.parametrize(("code", "ended"), [(0, 0), (1, 3), (2, 3), (125, 3)])
def test_a_command_that_fails_is_told_apart_from_a_loss(
    server: Server, url: str, code: int, ended: int, capfd: pytest.CaptureFixture[str]
) -> None:
    server.add(1)
    assert guard_run(url, deleting(server, code=code)) == ended
    said = capfd.readouterr().out
    assert f"the command ended with {code}\n" in said and "nothing was lost" in said


def test_a_command_that_a_signal_ended_has_failed(server: Server, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert guard_run(url, [*PYTHON, "import os; os.kill(os.getpid(), 9)"]) == 3
    assert "the command ended with -9" in capfd.readouterr().out


def test_a_server_that_does_not_answer_before_keeps_the_command_from_running(server: Server, url: str) -> None:
    server.instead = lambda request, body: (500, {})
    assert guard_run(url, [*PYTHON, "open('ran', 'w')"]) == 125
    assert not Path("ran").exists() and not Path("s.jsonl").exists()


def test_a_server_that_does_not_answer_after_is_no_word_and_the_snapshot_stays(
    server: Server, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server.add(1)
    command = deleting(server)
    answers = server.instead
    server.instead = lambda request, body: (500, {}) if "GET /deploy" in server.asked[:-1] else answers(request, body)
    assert guard_run(url, command) == 125
    told = capfd.readouterr()
    assert "the command ended with 0" in told.out and "nothing was lost" not in told.out
    assert "What was lost is not known" in told.err and "restore s.jsonl" in told.err
    assert len(told.err.splitlines()) <= 3
    assert len(read(Path("s.jsonl")).lines) == 1


def test_a_command_that_there_is_not_is_wrong_usage_before_anything_is_asked(server: Server, url: str) -> None:
    assert guard_run(url, ["no-such-command-at-all"]) == 2
    assert server.asked == []
    with pytest.raises(UsageError):
        check_command([""])


@pytest.mark.rule("guard-run-same-server", "The command of `guard run --api URL` speaks to that server.")
def test_the_command_speaks_to_the_server_that_is_looked_at(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Path("key")
    key.write_text("of-the-file", encoding="utf-8")
    script = (
        "import json, os; json.dump({k: v for k, v in os.environ.items() if k.startswith('PREFECT_')}, open('e', 'w'))"
    )
    monkeypatch.setenv("PREFECT_API_URL", "http://another.example/api")
    assert guard_run(url, [*PYTHON, script], "--key-file", str(key)) == 0
    said = json.loads(Path("e").read_text(encoding="utf-8"))
    assert (said["PREFECT_API_URL"], said["PREFECT_API_KEY"]) == (url, "of-the-file")
    Path("s.jsonl").unlink()
    monkeypatch.setenv("PREFECT_API_URL", url)
    assert cli.main(["guard", "run", "--", *PYTHON, script]) == 0
    said = json.loads(Path("e").read_text(encoding="utf-8"))
    assert said["PREFECT_API_URL"] == url and "PREFECT_API_KEY" not in said
    assert len(list(Path.cwd().glob("guard-*.jsonl"))) == 1


def test_the_words_of_the_command_are_its_own(server: Server, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert guard_run(url, [*PYTHON, "import sys; print(sys.argv[1:])", "--into", "x", "--help", "-n", "a b"]) == 0
    assert "['--into', 'x', '--help', '-n', 'a b']" in capfd.readouterr().out


# Two looks.


def snapshot(client: Client) -> Any:
    file = Path("s.jsonl")
    take(client, file)
    return read(file)


@pytest.mark.rule("guard-run-two-looks", "`guard run` says what was lost only if two looks in a row agree.")
def test_a_run_that_comes_back_at_the_second_look_is_not_lost(server: Server, client: Client) -> None:
    known = server.add(1)
    taken = snapshot(client)
    own = server.runs.pop(known)
    looks = iter(range(100))

    def comes_back(request: str, body: Any) -> None:
        if request == f"GET /flow_runs/{known}" and next(looks) == 0:
            server.runs[known] = own  # this look-up has it already

    def gone_once(request: str, body: Any) -> tuple[int, Any] | None:
        answer = server._route(request, body)
        comes_back(request, body)
        return answer

    server.instead = gone_once
    assert after(client, taken).lost == 0


def test_looks_that_never_agree_are_no_word(server: Server, client: Client) -> None:
    known = [server.add(number) for number in range(2)]
    taken = snapshot(client)
    runs = dict(server.runs)
    server.runs.pop(known[0])

    def now_and_then(request: str, body: Any) -> tuple[int, Any] | None:
        answer = server._route(request, body)
        if request.startswith("GET /flow_runs/"):  # the next look finds this run, and not the other
            server.runs = {one: run for one, run in runs.items() if request.endswith(one)}
        return answer

    server.instead = now_and_then
    with pytest.raises(NoWordError, match=r"No two looks at .* agree: 1 runs were gone at the last look"):
        after(client, taken)


@pytest.mark.rule("guard-run-sources-agree", "A run that only the listing lacks is no loss, and no word either.")
def test_a_run_that_only_the_listing_lacks_is_no_word(server: Server, client: Client, url: str) -> None:
    known = server.add(1)
    taken = snapshot(client)
    own = server.runs.pop(known)
    server.instead = lambda request, body: (200, own) if request == f"GET /flow_runs/{known}" else None
    with pytest.raises(NoWordError, match=r"the listing lacks run .*, and the look-up by id has it"):
        after(client, taken)


@pytest.mark.rule("guard-unsure-of-upcoming", "A run that came due after the snapshot and is gone is not called lost.")
@pytest.mark.rule("guard-run-exit-unsure", "`guard run` ends with 125 if runs that came due meanwhile are gone.")
def test_a_tick_that_came_due_meanwhile_and_is_gone_is_not_told_as_kept(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, made_anew = server.add(1, "Scheduled", ahead=20.0), server.add(2, "Scheduled", ahead=30.0)
    server.add(3, "Scheduled", ahead=300.0)
    taken = snapshot(client)
    server.runs.clear()  # also that of a time to come, which the scheduler makes again
    assert after(client, taken).items and after(client, taken).exit_code(0) == 0
    monkeypatch.setattr(guarded_server, "NOW", NOW + timedelta(seconds=60))
    tick = (NOW + timedelta(seconds=30)).isoformat()
    server.add(9, "Scheduled", expected_start_time=tick)
    found = after(client, taken)
    by_run = {item.line.run.id: item.fate for item in found.items}
    assert (by_run[lost], by_run[made_anew]) == (UNSURE, MADE_ANEW)
    assert (found.lost, found.unsure, found.exit_code(0), found.exit_code(1)) == (0, 1, 125, 125)
    assert counts(found.items)[UNSURE] == 1


def test_exit_codes_of_a_run() -> None:
    assert [After([]).exit_code(code) for code in (0, 1, -9)] == [0, 3, 3]


# Interrupted.


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_command_first_and_the_snapshot_stays(
    server: Server, url: str, number: int, code: int, tmp_path: Path
) -> None:
    server.add(1)
    script = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: (pathlib.Path('ended').touch(), sys.exit(0)))\n"
        "pathlib.Path('began').touch()\n"
        "time.sleep(60)"
    )
    words = [sys.executable, "-m", "harness", "guard", "run", "--api", url, "--into", "s.jsonl", "--", *PYTHON, script]
    root = str(Path(cli.__file__).parents[1])
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root})

    def began() -> None:
        if not Path("began").exists():
            raise NotYet("no file yet")

    try:
        wait_until("the command has begun", began, seconds=60)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert Path("ended").exists()
    assert len(read(Path("s.jsonl")).lines) == 1
    assert number == signal.SIGHUP or "interrupted; what was lost: harness guard restore s.jsonl" in said
