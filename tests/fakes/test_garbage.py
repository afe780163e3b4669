"""Files that somebody garbled, through every command that reads any: 0, 1, 2 or 125, a few lines, no traceback."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import cli
from harness.commands import atlas, bisect
from harness.commands.atlas import ATLAS_SCHEMA
from harness.store.checksums import write_checksums
from harness.store.results import write_results, write_run
from harness.verdict.outcomes import exit_code
from harness.words.errors import LabError
from harness.words.records import Harness, RunFacts
from tests.fakes.fake_lab import FakeLab
from tests.fakes.ground import fake_ground

COMMANDS = ("recheck", "bundle", "merge", "track-record", "bisect", "atlas")
FILES = ("results.json", "run.json", "history.jsonl", "verdict.json", "subject.lock")
JUNK: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800") | st.just("2.20"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
BYTES = st.sampled_from(
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"1" * 5_000,
        b"NaN",
        b'{"schema": 1}',
        b"\xef\xbb\xbf{}",
    ]
)


@pytest.fixture(scope="module")
def sound() -> Iterator[Path]:
    """A folder with a sound run, a search and an atlas."""
    with tempfile.TemporaryDirectory(prefix="sound-") as folder, pytest.MonkeyPatch.context() as patch:
        lab = FakeLab(Path(folder) / "lab", fake_ground(patch))
        backlog = lab.backlog("worker-outage")
        once = iter([1])
        backlog.on_update(lambda: backlog.delete(backlog.at_risk()[: next(once, 0)]))
        entries = lab.trials("worker-outage", doors=["patch-deployment", "none"])
        write_results(lab.plan.folder, entries, exit_code=exit_code(entries), seconds=1.0)
        made_by = Harness(commit="0123456789abcdef", dirty=True)
        write_run(lab.plan.folder, RunFacts(run="x", places={}, harness=made_by))
        write_checksums(lab.plan.folder)
        question = {"scenario": "worker-outage", "door": "prefect-deploy", "engine": "processes", "first": "3.3.3"}
        probe = {"release": "3.3.3", "outcome": "lost", "evidence": "x"}
        search = {"question": {**question, "last": "3.3.4", "database": "sqlite", "start": "fork"}, "probes": [probe]}
        (Path(folder) / "search").mkdir()
        (Path(folder) / "search" / "bisect.json").write_text(json.dumps(search))
        trials = [{**msgspec.to_builtins(entry), "run": "x", "harness": None} for entry in entries]
        (Path(folder) / "atlas.json").write_text(json.dumps({"schema": ATLAS_SCHEMA, "trials": trials}))
        yield Path(folder)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each place in a JSON value: what it lies in, and by which key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@st.composite
def damages(draw: st.DrawFn) -> Callable[[Path], None]:
    """A change to a file: other bytes, cut, gone, a folder in its place, or another value somewhere in its JSON."""
    how = draw(st.sampled_from(["value", "value", "value", "gone value", "bytes", "cut", "gone", "folder"]))
    where, junk, content = draw(st.integers(0, 10_000)), draw(JUNK), draw(BYTES)

    def damage(path: Path) -> None:
        if how == "bytes":
            path.write_bytes(content)
        elif how == "cut":
            path.write_bytes(path.read_bytes()[: where % (1 + path.stat().st_size)])
        elif how in ("gone", "folder"):
            path.unlink()
            if how == "folder":
                path.mkdir()
        elif path.suffix in (".json", ".jsonl"):
            lines = (
                path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
            )
            which = where % len(lines)
            value = json.loads(lines[which])
            inside, key = (found := places(value))[where % len(found)]
            if how == "value":
                inside[key] = junk
            else:
                del inside[key]
            lines[which] = json.dumps(value)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    damage.__name__ = f"{how} {where} {junk!r} {content[:20]!r}"
    return damage


def call(*words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def no_engine() -> Iterator[None]:
    """What goes on after it has read its file finds no engine."""

    def none(_asked: str | None) -> Any:
        raise LabError("no engine here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bisect, "choose_engine", none)
        patch.setattr(atlas, "choose_engine", none)
        yield


@settings(deadline=None, derandomize=True, database=None, max_examples=150,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(st.sampled_from(COMMANDS), st.sampled_from(FILES), st.tuples(damages(), st.booleans()))
@pytest.mark.usefixtures("no_engine")
def test_no_garbled_file_gives_a_traceback_or_a_verdict(
    sound: Path, command: str, name: str, how: tuple[Callable[[Path], None], bool]
) -> None:
    damage, summed = how
    with tempfile.TemporaryDirectory(prefix="garbled-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(sound, copy, symlinks=True)
        run = copy / "lab" / "run"
        target = {"bisect": copy / "search" / "bisect.json", "atlas": copy / "atlas.json"}.get(command)
        target = target or next(iter(sorted(run.rglob(name))), run / "results.json")
        before = target.read_bytes()
        damage(target)
        same = target.is_file() and target.read_bytes() == before
        if summed and target.is_relative_to(run):
            write_checksums(run)
        into = str(Path(folder) / "into")
        words = {
            "recheck": [str(run)],
            "bundle": [str(run), "--into", into],
            "merge": [str(run), "--into", into],
            "track-record": [str(run)],
            "bisect": ["--resume", str(copy / "search")],
            "atlas": ["--into", str(copy / "atlas"), "--results", into],
        }[command]
        code, said, told = call(command, *words)
    assert code in (0, 1, 2, 125), (code, told)
    assert "Traceback" not in said + told, said + told
    assert len(told.splitlines()) <= 3, told
    if command in ("recheck", "bundle") and not same and not summed:
        assert code != 0, said
    if command in ("bundle", "merge", "track-record") and code == 2:
        assert told
