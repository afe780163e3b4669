"""The environment of a nox session: prepared by one run at a time, and only if it has to be. Nothing is installed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import nox_environment
from harness.words.places import ROOT
from nox_environment import become, prepare


class Session:
    """Stands in for nox's: it makes environments of one empty file, and keeps what it was asked to run and when."""

    def __init__(self, name: str = "lint", seconds: float = 0.0) -> None:
        self.name, self.posargs, self.env = name, ["-k", "x"], dict[str, str]()
        self.ran: list[str] = []
        self.times: list[float] = []
        self.logged: list[str] = []
        self._seconds = seconds

    def log(self, text: str) -> None:
        self.logged.append(text)

    def run(self, *words: str, **_: object) -> None:
        self.times.append(time.monotonic())
        time.sleep(self._seconds)
        self.ran.append(
            "make"
            if {"venv", "virtualenv"} & set(words)
            else "install " + " ".join(words[words.index("install") + 1 :])
        )
        if self.ran[-1] == "make":
            (Path(words[-1]) / "bin").mkdir(parents=True)
            (Path(words[-1]) / "bin" / "python").touch()
        self.times.append(time.monotonic())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The folder of a checkout."""
    (tmp_path / "pyproject.toml").write_text('[dependency-groups]\nlint = ["ruff"]\n', encoding="utf-8")
    return tmp_path


def prepared(checkout: Path, session: Session | None = None) -> list[str]:
    """What is run to prepare the environment."""
    session = session or Session()
    one: Any = session
    prepare(one, "lint", root=checkout)
    return [line.split(" --python ")[0] for line in session.ran]


def test_it_is_made_once_and_installed_into_for_another_project(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [line.partition(" ")[0] for line in prepared(checkout)] == ["make", "install"]
    assert prepared(checkout) == []
    (checkout / "pyproject.toml").write_text('[dependency-groups]\nlint = ["ruff", "mypy"]\n', encoding="utf-8")
    session = Session()
    prepared(checkout, session)
    assert [line.split()[-3:] for line in session.ran] == [[str(checkout), "ruff", "mypy"]]
    monkeypatch.setenv("HARNESS_EXTRAS", "png")
    session = Session()
    prepared(checkout, session)
    assert [line.split()[-3:] for line in session.ran] == [[f"{checkout}[png]", "ruff", "mypy"]]
    monkeypatch.setattr(sys, "base_prefix", "another Python")
    assert [line.partition(" ")[0] for line in prepared(checkout)] == ["make", "install"]


def test_what_was_cut_short_is_made_anew(checkout: Path) -> None:
    prepared(checkout)
    (checkout / ".nox" / "lint" / "bin" / "python").unlink()
    assert [line.partition(" ")[0] for line in prepared(checkout)] == ["make", "install"]
    (checkout / ".nox" / "lint" / "installed-for").unlink()
    assert [line.partition(" ")[0] for line in prepared(checkout)] == ["make", "install"]


def test_two_runs_prepare_one_after_the_other_in_every_session(checkout: Path) -> None:
    sessions = [Session(name, seconds=0.2) for name in ("lint", "lint", "typecheck", "typecheck")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda session: prepared(checkout, session), sessions))
    spans = sorted((session.times[0], session.times[-1]) for session in sessions if session.times)
    assert len(spans) == 2, "the other two found it prepared"
    assert spans[0][1] <= spans[1][0]
    assert any("another run" in line for session in sessions for line in session.logged)


def test_a_run_that_waits_too_long_says_for_what(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nox_environment, "_LONGEST", 0.1)
    (checkout / ".nox").mkdir()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(checkout / ".nox" / "preparing.lock-file"):
            held.set()
            done.wait(20)

    with ThreadPoolExecutor() as pool:
        pool.submit(hold)
        assert held.wait(20)
        try:
            with pytest.raises(TimeoutError, match=r"preparing\.lock-file for 0 s; end it"):
                prepared(checkout)
        finally:
            done.set()


def test_a_command_without_its_environment_ends_with_125(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(nox_environment, "prepare", broken)
    session: Any = Session()
    with pytest.raises(SystemExit) as ended:
        become(session, "harness", "gate")
    assert (ended.value.code, session.logged) == (125, ["no environment: no network"])


@pytest.mark.parametrize("option", ["--list", "--help", "--version"])
def test_what_makes_no_environment_waits_for_no_lock(option: str, checkout: Path) -> None:
    for name in ("noxfile.py", "nox_environment.py"):
        (checkout / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (checkout / ".nox").mkdir()
    with FileLock(checkout / ".nox" / "preparing.lock-file"):
        done = subprocess.run(
            [sys.executable, "-m", "nox", option], cwd=checkout, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert ("typecheck" in done.stdout) == (option == "--list")
