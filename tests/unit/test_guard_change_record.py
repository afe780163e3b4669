"""The record of a watch: added to and never written anew, by one watch at a time, and known to the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.guard.change_record import ChangeRecord
from harness.guard.watch import Event
from harness.words.errors import LabError, UsageError
from tests.unit.guarded_server import DEPLOYMENT, Server

API = "http://127.0.0.1:4200/api"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


def watch(url: str, file: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Watch for one look; what was said."""
    assert cli.main(["guard", "watch", "--api", url, "--every", "60", "--for", "1", "--record", str(file)]) == 0
    return capfd.readouterr().out


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_changed_while_nobody_watched_is_noticed_from_the_record(
    server: Server, url: str, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.deploy("00000000-0000-0000-0000-00000000000f", "hourly", [])
    watch(url, file, capfd)
    before = file.read_bytes()
    server.deployments[DEPLOYMENT]["entrypoint"] = "other.py:flow"
    del server.deployments["00000000-0000-0000-0000-00000000000f"]
    server.deploy("00000000-0000-0000-0000-00000000000e", "weekly", [])
    server.add(1)
    said = watch(url, file, capfd)
    last = json.loads(before.splitlines()[-1])["at"][:19].replace("T", " ")
    assert f"{file} knows 2 deployments, as of {last}" in said
    assert f"flow/nightly changed: entrypoint; while no watch ran, after {last}; waiting now: 1 overdue" in said
    assert "flow/hourly was deleted" in said and "flow/weekly is new" in said
    assert file.read_bytes().startswith(before), "it is only added to"
    assert [one["kind"] for one in lines(file)][-5:] == ["began", "changed", "created", "removed", "ended"]
    assert "flow/" not in watch(url, file, capfd), "what is known by now is no news"


@pytest.mark.rule("guard-record-torn-line", "A line of a record that was cut off is left out, and the watch goes on.")
def test_a_line_that_was_cut_off_is_left_out_and_told(
    server: Server, url: str, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    watch(url, file, capfd)
    with file.open("ab") as out:
        out.write(b'{"at":"2026-11-28T12:00:00+00:00","kind":"chan')
    assert "1 of its lines cannot be read, and are left out" in watch(url, file, capfd)
    assert "1 of its lines cannot be read, and are left out" in watch(url, file, capfd)  # nothing hangs on to it
    assert len(file.read_text().splitlines()) == 3 + 1 + 2 + 2


@pytest.mark.rule("guard-record-removed", "A deployment that a record says was removed is not removed again.")
def test_a_deployment_that_was_removed_is_forgotten(file: Path) -> None:
    with ChangeRecord(file, API) as record:
        seen = Event(at="x", kind="seen", deployment="a/b", deployment_id="1", digests={"tags": "0"})
        record.add([seen, Event(at="y", kind="removed", deployment="a/b", deployment_id="1")])
    with ChangeRecord(file, API) as record:
        assert (record.remembered.known, record.remembered.last) == ({}, "y")


@pytest.mark.rule("guard-record-no-other-file", "A file that is no change record is not added to.")
@pytest.mark.parametrize("text", ["hello\n", '{"kind": "header", "schema": 1}\n', '{"at":"x","kind":"began"}\n', "\n"])
def test_a_file_that_is_no_record_is_left_as_it_is(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match="is no change record"), ChangeRecord(file, API):
        pass
    assert file.read_text() == text


@pytest.mark.rule("guard-record-its-server", "A record of another server is not added to.")
def test_a_record_of_another_server_is_refused(file: Path) -> None:
    with ChangeRecord(file, API) as record:
        record.add([Event(at="x", kind="away")])
    with pytest.raises(UsageError, match=r"is of http://127.0.0.1:4200/api, and this is http://other/api"):
        ChangeRecord(file, "http://other/api").__enter__()


@pytest.mark.rule("guard-record-one-writer", "Two watches do not write to one record.")
def test_a_record_that_another_watch_writes_to_is_refused(file: Path) -> None:
    with ChangeRecord(file, API), pytest.raises(UsageError, match="another watch writes to it"):
        ChangeRecord(file, API).__enter__()


def test_a_record_that_cannot_be_written_is_told_in_a_line(file: Path, tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "no" / "such"):
        with pytest.raises(UsageError):
            ChangeRecord(where, API).__enter__()
    with ChangeRecord(file, API) as record:
        file.chmod(0o600)
        assert file.stat().st_mode & 0o077 == 0
        assert record._out
        record._out.close()
        record._out = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
        with pytest.raises(LabError, match="No space left"):
            record.add([Event(at="x", kind="away")])
