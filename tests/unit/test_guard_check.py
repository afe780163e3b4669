"""`harness guard check`: what waits on a live server, what is foretold of it, and every wrong answer of a server."""

from __future__ import annotations

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness import cli
from harness.commands import as_typed
from harness.doors import load_doors
from harness.guard import client as client_module
from harness.guard import foretold as foretold_module
from harness.guard.at_risk import exit_code, groups_of
from harness.guard.client import Client, NoWordError
from harness.guard.foretold import UNKNOWN, Measured, foretold, measured_for
from harness.guard.listing import clock_of, deployments_named, is_gone, version_of, waiting
from harness.guard.runs import AWAITING_RETRY, AWAITING_SLOT, OTHER, OVERDUE, UPCOMING, USER_CREATED, Run, kind_of
from harness.guard.where import Where, where
from harness.words.clock import MovableClock
from harness.words.errors import UsageError
from tests.unit.guarded_server import DEPLOYMENT, NOW, SCHEDULE, Raw, Server, serve

KEY = "pnu_abcdefghijklmnopqrstuvwxyz0123456789"


class Impatient(MovableClock):
    """A clock on which a wait takes no time, and that is read so often as `reads` counts; each takes `step` seconds."""

    def __init__(self, step: float = 0.0) -> None:
        super().__init__()
        self.read, self._step = 0.0, step

    def monotonic(self) -> float:
        self.read += self._step
        return self.read

    def sleep(self, seconds: float) -> None:
        self.read += seconds


def run_of(server: Server, known: str) -> Run:
    return msgspec.convert(server.runs[known], Run)


# Which runs, of which kind.


@pytest.mark.parametrize(
    ("state", "kind"),
    [("Late", OVERDUE), ("Scheduled", OVERDUE), ("AwaitingConcurrencySlot", AWAITING_SLOT),
     ("AwaitingRetry", AWAITING_RETRY), ("Resuming", OTHER)],
)  # fmt: skip
def test_a_run_that_is_due_is_of_the_kind_that_its_state_says(server: Server, state: str, kind: str) -> None:
    assert kind_of(run_of(server, server.add(1, state)), NOW) == kind


@pytest.mark.rule("guard-user-created", "For a guard, a run that a person made is a kind of its own, in any state.")
def test_a_run_that_a_person_made_is_user_created_late_or_ahead(server: Server) -> None:
    made = [server.add(1, auto_scheduled=False), server.add(2, "Scheduled", ahead=3600.0, auto_scheduled=False)]
    assert {kind_of(run_of(server, known), NOW) for known in made} == {USER_CREATED}


@pytest.mark.rule(
    "guard-upcoming-are-the-schedulers",
    "For a guard, a scheduled run whose time has not come is not at risk: the scheduler makes it again.",
)
def test_an_upcoming_run_of_a_schedule_is_not_at_risk_and_one_that_waits_for_a_slot_is(server: Server) -> None:
    upcoming, held = server.add(1, "Scheduled", ahead=1.0), server.add(2, "AwaitingConcurrencySlot", ahead=30.0)
    assert kind_of(run_of(server, upcoming), NOW) == UPCOMING
    assert kind_of(run_of(server, held), NOW) == AWAITING_SLOT
    (group,) = groups_of([run_of(server, known) for known in (upcoming, held)], [], "3.3.3", NOW)
    assert (group.kind, group.runs) == (AWAITING_SLOT, 1)


@pytest.mark.parametrize(
    ("changed", "schedule"),
    [
        ({}, SCHEDULE),
        ({"created_by": None}, SCHEDULE),  # by the key, from 3.2.2 on
        ({"created_by": None, "idempotency_key": f"scheduled {DEPLOYMENT} 2026-11-28T12:00:00Z"}, ""),
        ({"created_by": None, "idempotency_key": f"scheduled {DEPLOYMENT} 2026-11-28 12:00:00 +00:00"}, ""),
        ({"created_by": {"type": "USER", "id": "x"}, "idempotency_key": None}, ""),
    ],
)
def test_the_schedule_of_a_run_is_read_where_the_release_says_it(
    server: Server, changed: dict[str, Any], schedule: str
) -> None:
    assert run_of(server, server.add(1, **changed)).schedule == schedule


# What is foretold.


@pytest.mark.parametrize(
    ("kind", "door", "version", "outcome"),
    [
        (OVERDUE, "prefect-deploy", "3.3.3", "lost"),
        (OVERDUE, "prefect-deploy", "3.3.4", "survived"),
        (OVERDUE, "pause-deployment", "3.3.4", "lost"),
        (AWAITING_SLOT, "prefect-deploy", "3.3.3", "lost"),
        (AWAITING_SLOT, "prefect-deploy", "2.20.20", UNKNOWN),
        (AWAITING_RETRY, "prefect-deploy", "3.0.8", "lost"),
        (AWAITING_RETRY, "prefect-deploy", "3.3.3", "survived"),
        (AWAITING_RETRY, "pause-deployment", "3.3.3", "survived"),  # measured alone
        (USER_CREATED, "prefect-deploy", "3.3.3", "survived"),
        (USER_CREATED, "pause-deployment", "3.3.3", UNKNOWN),
        (OTHER, "prefect-deploy", "3.3.3", UNKNOWN),
    ],
)
def test_what_is_known_or_measured_is_foretold(kind: str, door: str, version: str, outcome: str) -> None:
    said = foretold(kind, load_doors()[door], version)
    assert said.outcome == outcome
    assert (f"nothing is known of it on {version}" == said.why) == (outcome == UNKNOWN)


def test_what_is_foretold_names_its_reference_and_the_day_of_its_trials() -> None:
    said = foretold(OVERDUE, load_doors()["prefect-deploy"], "3.3.3")
    measured = measured_for(OVERDUE, "prefect-deploy", "3.3.3")
    assert measured and measured.outcome == "lost" and measured.day >= date(2026, 11, 23)
    assert said.why == f"known: PrefectHQ/prefect#17764; measured {measured.day}"


@pytest.mark.rule("guard-releases-alone", "A guard foretells nothing for a version that is no published release.")
@pytest.mark.parametrize("version", ["3.3.3+12.gabcdef0", "3.3.4rc1", "3.3.3.dev7"])
def test_nothing_is_foretold_of_a_commit_between_releases(version: str) -> None:
    said = foretold(OVERDUE, load_doors()["prefect-deploy"], version)
    assert (said.outcome, said.why) == (UNKNOWN, f"{version} is no published release")


@pytest.mark.rule(
    "guard-held-user-created",
    "A guard foretells nothing of a run that a person made and that is held, but for updates, which leave it.",
)
def test_a_held_run_that_a_person_made_is_foretold_of_updates_alone() -> None:
    update, deletion = load_doors()["prefect-deploy"], load_doors()["delete-deployment"]
    assert foretold(USER_CREATED, update, "3.3.3", is_held=True).outcome == "survived"
    assert foretold(USER_CREATED, deletion, "3.3.3").outcome == "lost"
    assert foretold(USER_CREATED, deletion, "3.3.3", is_held=True).outcome == UNKNOWN


@pytest.mark.rule(
    "guard-known-against-measured",
    "If trials of a release contradict what is known of it, a guard says so and never foretells `survived`.",
)
@pytest.mark.parametrize(("kind", "measured", "outcome"), [(OVERDUE, "survived", "lost"), (OVERDUE, "altered", "lost"),
                                                           (AWAITING_RETRY, "stranded", UNKNOWN)])  # fmt: skip
def test_what_was_measured_against_what_is_known_is_never_survived(
    monkeypatch: pytest.MonkeyPatch, kind: str, measured: str, outcome: str
) -> None:
    monkeypatch.setattr(foretold_module, "measured_for", lambda *_: Measured(measured, date(2026, 11, 28)))
    said = foretold(kind, load_doors()["prefect-deploy"], "3.3.3")
    assert said.outcome == outcome
    assert f"measured 2026-11-28: {measured}" in said.why


@pytest.mark.rule("guard-measured-alike", "Trials of a release that came to several outcomes measure nothing.")
def test_trials_that_differ_measure_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = {"1.0": [("k", "d", "lost", "2026-11-01"), ("k", "d", "survived", "2026-11-02")], "2.0": []}
    monkeypatch.setattr(foretold_module, "_measured", lambda: trials)
    assert measured_for("k", "d", "1.0") is None
    assert measured_for("k", "d", "2.0") is None
    trials["1.0"].pop()
    assert measured_for("k", "d", "1.0") == Measured("lost", date(2026, 11, 1))


@pytest.mark.rule("guard-exit-1", "`guard check` ends with 1 if a waiting run would not be kept.")
def test_a_run_that_would_be_lost_ends_with_1(
    server: Server, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        server.add(number)
    server.add(4, "AwaitingConcurrencySlot")
    server.add(5, "Scheduled", ahead=600.0)
    file = tmp_path / "check.json"
    assert cli.main(["guard", "check", "--api", url, "--json", str(file)]) == 1
    said = capsys.readouterr().out
    assert "flow/nightly" in said and "PrefectHQ/prefect#17764" in said and "harness guard snapshot" in said
    table = said.split("deployment ", 1)[1].split("\n  overdue")[0]
    assert max(map(len, table.splitlines())) <= 80
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [(one["backlog"], one["runs"], one["states"]) for one in found["groups"]] == [
        (OVERDUE, 3, {"Late": 3}), (AWAITING_SLOT, 1, {"AwaitingConcurrencySlot": 1}),
    ]  # fmt: skip
    assert [one["outcome"] for one in found["groups"][0]["foretold"]] == ["lost", "lost"]
    assert (found["version"], found["exit_code"]) == ("3.3.3", 1)


@pytest.mark.rule("guard-exit-125-unknown", "`guard check` ends with 125 if nothing is known of a run that waits.")
def test_exit_codes_of_a_check(server: Server, url: str) -> None:
    check = ["guard", "check", "--api", url, "--door", "prefect-deploy"]
    assert cli.main(check) == 0  # nothing waits
    server.add(1, auto_scheduled=False)
    assert cli.main(check) == 0  # it would survive
    server.add(2, "Resuming")
    assert cli.main(check) == 125
    server.add(3)
    assert cli.main(check) == 1
    assert exit_code([]) == 0


def test_a_check_only_reads(server: Server, url: str) -> None:
    server.add(1)
    cli.main(["guard", "check", "--api", url])
    assert {line for line in server.asked if not line.startswith("GET ") and not line.endswith("/filter")} == set()


def test_a_check_of_named_deployments_looks_at_these_alone(
    server: Server, url: str, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    other = DEPLOYMENT.replace("2", "9")
    server.deploy(other, "hourly", [])
    server.add(1)
    server.add(2, deployment_id=other)
    assert list(deployments_named(client, ["nightly", "flow/nightly"])) == [DEPLOYMENT]
    assert [run.deployment_id for run in waiting(client, [other])] == [other]
    assert cli.main(["guard", "check", "--api", url, "--deployment", "flow/hourly"]) == 1
    said = capsys.readouterr().out
    assert "flow/hourly" in said and "nightly" not in said
    assert cli.main(["guard", "check", "--api", url, "--deployment", "other/hourly"]) == 2
    assert "it has flow/hourly" in capsys.readouterr().err


# Whole listings.


def test_a_listing_of_several_pages_is_whole_whatever_size_the_servers_pages_have(
    server: Server, client: Client
) -> None:
    made = {server.add(number) for number in range(37)}
    for server.page in (2, 5, 36, 37, 38, 200):
        listed = [run.id for run in waiting(client)]
        assert (len(listed), set(listed)) == (37, made), server.page


@pytest.mark.rule("guard-pages-of-two", "A server whose pages hold fewer than two rows lists nothing that is whole.")
@pytest.mark.parametrize("size", [0, 1])
def test_pages_without_room_for_two_rows_are_no_word(server: Server, client: Client, size: int) -> None:
    server.add(1)
    assert len(list(waiting(client))) == 1
    server.add(2)
    server.page = size
    with pytest.raises(NoWordError, match="Invalid limit"):
        list(waiting(client))


@pytest.mark.rule("guard-listing-joins", "A listing whose rows moved between two pages goes back for what it missed.")
def test_rows_that_are_deleted_between_two_pages_hide_no_other(server: Server, client: Client) -> None:
    made = [server.add(number) for number in range(60)]
    server.page = 10
    calls = iter(range(100))

    def delete_ahead(request: str, body: Any) -> None:
        if request == "POST /flow_runs/filter" and next(calls) == 2:
            for known in made[-10:]:  # those of the first page
                del server.runs[known]

    server.instead = delete_ahead
    assert {run.id for run in waiting(client)} == set(made)


def endless(request: str, body: Any) -> tuple[int, Any] | None:
    """A page of new rows, whatever is asked."""
    if request != "POST /flow_runs/filter":
        return None
    made = Server()
    for number in range(body["offset"], body["offset"] + 3):
        made.add(number)
    return 200, list(made.runs.values())


@pytest.mark.rule("guard-deadline-of-all", "All calls of a guard together have a deadline.")
def test_a_listing_that_never_ends_meets_the_deadline_of_all(server: Server, url: str) -> None:
    server.instead = endless
    with (
        Client(Where(url), seconds=120.0, clock=Impatient(step=1.0)) as client,
        pytest.raises(NoWordError, match="did not answer all that was asked within 2 minutes"),
    ):
        for number, _ in enumerate(waiting(client)):
            assert number < 10_000


@pytest.mark.rule("guard-listing-ends", "A listing whose pages bring nothing new is no listing.")
def test_a_listing_of_the_same_page_again_and_again_is_refused(server: Server, client: Client) -> None:
    known = [server.add(number) for number in range(3)]
    same = (200, [server.runs[one] for one in known])
    calls = iter(range(60))

    def again(request: str, body: Any) -> tuple[int, Any] | None:
        assert next(calls) < 50
        return same if request.endswith("flow_runs/filter") else None

    server.instead = again
    with pytest.raises(NoWordError, match="3 rows came, and page after page brings none that is new"):
        list(waiting(client))


# Every wrong answer.

HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>log in</html>\n"
HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n[{"id": "'
CUT = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[{"id": "'
MOVED = b"HTTP/1.1 307 Moved\r\nLocation: https://user:pass@evil.example:8443/api/x?key=1\r\nContent-Length: 0\r\n\r\n"
WRONG: dict[str, tuple[Any, str]] = {
    "401": ((401, {"detail": "no"}), "answered GET /admin/version with 401"),
    "403": ((403, {"detail": "no"}), "with 403"),
    "404": ((404, {"detail": "Not Found"}), "Is this the URL of a Prefect API?"),
    "500": ((500, {"detail": "Internal"}), "Look at the server's log"),
    "503": ((503, {"detail": "Busy"}), "with 503"),
    "html": ((0, Raw(HTML)), "with HTML"),
    "half a page": ((0, Raw(HALF)), "broke off its answer to"),
    "cut off": ((0, Raw(CUT)), "with what is no JSON"),
    "nothing": ((0, Raw(b"")), "broke off its answer to"),
    "no HTTP": ((0, Raw(b"SSH-2.0-OpenSSH_9.2\r\n")), "broke off its answer to"),
    "another shape": ((200, {"rows": []}), "with what Prefect does not say"),
    "rows of another shape": ((200, [{"id": 3}]), "with what Prefect does not say"),
    "nested too deep": ((0, Raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"[" * 100_000)), "no JSON"),
    "redirect": ((0, Raw(MOVED)), "to https://evil.example:8443/api/x"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("at", ["GET /admin/version", "GET /health", "POST /flow_runs/filter", "POST /flows/filter"])
def test_a_wrong_answer_is_told_in_three_lines_and_ends_with_125(
    server: Server, url: str, name: str, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if at == "GET /health" and (name in ("another shape", "rows of another shape")):
        pytest.skip("what it says is not read")
    server.add(1)
    answer, said = WRONG[name]
    server.instead = lambda request, body: answer if request == at else None
    assert cli.main(["guard", "check", "--api", url]) == 125
    told = capsys.readouterr()
    assert said.replace("GET /admin/version", at) in told.err and "Traceback" not in told.err
    assert 1 <= len(told.err.splitlines()) <= 3
    assert "pass@" not in told.err and "at risk" not in told.out


@pytest.mark.rule("guard-no-redirect", "A guard follows no redirect, and names where it leads.")
def test_a_redirect_is_not_followed_with_the_key(server: Server, url: str, tmp_path: Path) -> None:
    other = Server()
    with serve(other) as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}/admin/version\r\nContent-Length: 0\r\n\r\n".encode()
        server.instead = lambda request, body: (0, Raw(moved))
        with (
            Client(Where(url, KEY), seconds=60.0) as client,
            pytest.raises(NoWordError, match=f"sends elsewhere, which is not followed: to {elsewhere}"),
        ):
            version_of(client)
    assert other.asked == []


def test_a_server_that_does_not_run_is_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guard", "check", "--api", "http://127.0.0.1:1/api"]) == 125
    said = capsys.readouterr().err
    assert "cannot be reached" in said and "by --api" in said and len(said.splitlines()) <= 3


def test_a_server_without_tls_is_told_where_tls_is_asked_for(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guard", "check", "--api", url.replace("http://", "https://")]) == 125
    said = capsys.readouterr().err
    assert "cannot be trusted" in said and "Traceback" not in said


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_PAUSE", 0.0)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    class Quiet(http.server.BaseHTTPRequestHandler):
        """It answers nothing."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        with (
            Client(Where(f"https://127.0.0.1:{listening.server_port}/api"), seconds=60.0) as client,
            pytest.raises(NoWordError, match=r"(?s)cannot be trusted.*SSL_CERT_FILE"),
        ):
            version_of(client)
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", HALF])
def test_a_server_that_takes_for_ever_is_left(server: Server, url: str, sent: bytes) -> None:
    over = threading.Event()
    server.instead = lambda request, body: (0, Raw(sent, lambda: over.wait(20)))
    try:
        with (
            Client(Where(url), seconds=60.0, call=0.3) as client,
            pytest.raises(NoWordError, match="gave no whole answer to GET /admin/version within"),
        ):
            version_of(client)
    finally:
        over.set()


@pytest.mark.rule("guard-answer-that-never-ends", "An answer of a server that never ends is left.")
def test_an_answer_that_never_ends_is_left(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_LARGEST", 1 << 20)
    server.instead = lambda request, body: (0, Raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (3 << 20)))
    with Client(Where(url), seconds=60.0) as client, pytest.raises(NoWordError, match="larger than 1 MiB"):
        version_of(client)


@pytest.mark.rule("guard-busy", "A guard asks a server that is busy for longer than one that fails.")
@pytest.mark.parametrize(("status", "times"), [(503, 20), (429, 20), (502, 3), (504, 3), (500, 1), (404, 1)])
def test_a_server_that_refuses_for_now_is_asked_again(server: Server, client: Client, status: int, times: int) -> None:
    client._clock = Impatient()
    answers: Iterator[tuple[int, Any]] = iter([(status, {})] * (times - 1))
    server.instead = lambda request, body: next(answers, None)
    assert version_of(client) == "3.3.3"
    assert len(server.asked) == times
    server.instead = lambda request, body: (status, {})
    with pytest.raises(NoWordError, match=f"with {status}"):
        version_of(client)
    assert len(server.asked) == 2 * times


@pytest.mark.parametrize("version", [None, "", "dev", 3, ["3.3.3"]])
def test_a_version_that_is_none_is_no_version(server: Server, client: Client, version: Any) -> None:
    server.version = version
    with pytest.raises(NoWordError, match="no version"):
        version_of(client)


def test_the_servers_own_clock_is_read(client: Client) -> None:
    assert (clock_of(client) - NOW).total_seconds() == 1


@pytest.mark.rule(
    "guard-gone-by-prefects-word", "For a guard, a run is gone only if the server says so in Prefect's own words."
)
def test_a_404_of_a_proxy_is_no_word_on_a_run(server: Server, client: Client) -> None:
    known = server.add(1)
    assert not is_gone(client, known)
    del server.runs[known]
    assert is_gone(client, known)
    answers: list[tuple[int, Any]] = [(404, {"detail": "Not Found"}), (404, None), (200, {"id": "x"}), (200, [])]
    server.instead = lambda request, body: answers[-1]
    while answers:
        with pytest.raises(NoWordError):
            is_gone(client, known)
        answers.pop()


# Which server, and the key.


def test_a_server_is_named_by_option_environment_or_profile(tmp_path: Path) -> None:
    home = tmp_path / ".prefect"
    home.mkdir()
    (home / "profiles.toml").write_text(
        'active = "live"\n[profiles.live]\nPREFECT_API_URL = "https://live.example/api"\n'
        f'PREFECT_API_KEY = "{KEY}"\n[profiles.empty]\n',
        encoding="utf-8",
    )
    found = where("", None, {}, tmp_path)
    assert (found.url, found.key, found.by) == ("https://live.example/api", KEY, "Prefect's profile 'live'")
    by_environment = where("", None, {"PREFECT_API_URL": "http://127.0.0.1:4200/api/"}, tmp_path)
    assert (by_environment.url, by_environment.key) == ("http://127.0.0.1:4200/api", "")
    assert where("http://a/api", None, {"PREFECT_API_URL": "http://b/api"}, tmp_path).url == "http://a/api"
    for environment, said in (
        ({"PREFECT_PROFILE": "empty"}, "'empty' has no PREFECT_API_URL"),
        ({"PREFECT_PROFILE": "none"}, "has no active profile"),
        ({"PREFECT_HOME": str(tmp_path / "nowhere")}, "there is no"),
    ):
        with pytest.raises(UsageError, match=said):
            where("", None, environment, tmp_path)


def test_a_key_comes_from_a_file_or_the_environment_and_a_profiles_key_goes_to_its_own_server(tmp_path: Path) -> None:
    (tmp_path / ".prefect").mkdir()
    (tmp_path / ".prefect" / "profiles.toml").write_text(
        f'active = "a"\n[profiles.a]\nPREFECT_API_URL = "http://a/api"\nPREFECT_API_KEY = "{KEY}"\n', encoding="utf-8"
    )
    file = tmp_path / "key"
    file.write_text("  of-the-file\n", encoding="utf-8")
    assert where("http://b/api", None, {}, tmp_path).key == ""
    assert where("http://b/api", file, {"PREFECT_API_KEY": "other"}, tmp_path).key == "of-the-file"
    assert where("http://b/api", None, {"PREFECT_API_KEY": "other"}, tmp_path).key == "other"
    for text in ("", "two words", "ключ"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError):
            where("http://b/api", file, {}, tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        where("http://b/api", tmp_path, {}, tmp_path)


@pytest.mark.rule("guard-no-key-in-a-url", "A password in the URL of an API is refused, and not printed.")
def test_a_password_in_a_url_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guard", "check", "--api", "https://admin:hunter22@host/api"]) == 2
    said = capsys.readouterr().err
    assert "hunter22" not in said and "PREFECT_API_AUTH_STRING" in said


@pytest.mark.parametrize("url", ["host:4200/api", "ftp://host/api", "http:///api", "http://host:port/api", "x"])
def test_what_is_no_url_is_wrong_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guard", "check", "--api", url]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 3


@pytest.mark.rule("guard-no-key-told", "A guard never prints its key, even if the server does.")
def test_the_key_is_sent_and_never_told(
    server: Server, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY, encoding="utf-8")
    server.instead = lambda request, body: (401, {"detail": f"the key {KEY} is not known"})
    assert cli.main(["guard", "check", "--api", url, "--key-file", str(file)]) == 125
    told = capsys.readouterr()
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in told.err + told.out and "***" in told.err
    assert KEY not in repr(Where(url, KEY))


def test_a_password_is_sent_as_basic(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:pass")
    assert cli.main(["guard", "check", "--api", url]) == 0
    assert server.headers[0]["Authorization"] == "Basic YWRtaW46cGFzcw=="


# Two words.


def test_a_command_of_two_words_is_found_and_shown_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.commands.commands", lambda: {"guard-check": "x", "guard-run": "y", "track-record": ""})
    assert [as_typed(name) for name in ("guard-check", "guard-run", "track-record", "chaos")] == [
        "guard check", "guard run", "track-record", "chaos",
    ]  # fmt: skip
    for words in (["guard", "check", "--help"], ["guard-check", "--help"]):
        monkeypatch.undo()
        with pytest.raises(SystemExit):
            cli.main(words)
        assert "--deployment" in capsys.readouterr().out
    assert cli.main(["guard", "chek"]) == 2
    assert "guard" in capsys.readouterr().err
