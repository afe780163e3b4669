"""What a person can get wrong: one to three lines that name the next step, exit 2, nothing started."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def harness(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command; returns its exit code and what it said on stderr."""
    command = [sys.executable, "-m", "harness", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stderr


def check_refused(results: Path, options: list[str], *words: str, **environment: str) -> None:
    code, said = harness("reproduce", "--results", str(results), *options, **environment)
    assert code == 2
    assert 1 <= len(said.strip().splitlines()) <= 3, said
    for word in words:
        assert word in said
    assert not results.exists() or not list(results.iterdir()), "something was started"


def test_a_misspelt_scenario_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    check_refused(tmp_path / "results", ["--scenario", "worker-outtage"], "'worker-outage'", "concurrency-limit")


def test_a_subject_that_is_no_version_is_refused(tmp_path: Path) -> None:
    check_refused(tmp_path / "results", ["--subject", "newest"], "'newest'", "3.3.3", "latest")


def test_a_release_that_does_not_exist_is_refused_with_the_nearest_ones(tmp_path: Path) -> None:
    options = ["--subject", "3.3.99", "--engine", "processes"]
    check_refused(tmp_path / "results", options, "no Prefect 3.3.99", "3.3.7", "3.4.0")


def test_a_misspelt_engine_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    check_refused(tmp_path / "results", ["--engine", "container"], "'containers'")


def test_an_engine_asked_for_by_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"
    check_refused(tmp_path / "results", ["--engine", "containers"], "docker/engine.sh", DOCKER_HOST=nowhere)


def test_a_results_folder_that_cannot_be_written_is_refused() -> None:
    code, said = harness("reproduce", "--results", "/proc/results")
    assert code == 2
    assert "/proc/results" in said
    assert "--results" in said


def test_a_results_folder_whose_latest_is_no_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    code, said = harness("reproduce", "--results", str(tmp_path))
    assert code == 2
    assert "is no link" in said and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("command", ["--help", "cells", "recheck /nowhere"])
def test_an_output_that_takes_nothing_changes_no_exit_code(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "harness", *command.split()], stdout=full, stderr=full, check=False
        )
    assert done.returncode == (2 if "nowhere" in command else 0)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("command", "code"), [("--help", 0), ("cells", 0), ("recheck /nowhere", 2)])
def test_an_output_that_is_closed_changes_no_exit_code(command: str, code: int, closed: str) -> None:
    line = f"{shlex.quote(sys.executable)} -m harness {command} {closed}"
    assert subprocess.run(["sh", "-c", line], check=False, capture_output=True).returncode == code


def test_a_letter_that_an_output_lacks_is_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "recheck", "/nowhere-é"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "nowhere-\\xe9" in done.stderr


def test_a_misspelt_option_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    check_refused(tmp_path / "results", ["--subjects", "3.3.3"], "--subject")


def test_an_expression_that_selects_nothing_is_refused(tmp_path: Path) -> None:
    check_refused(tmp_path / "results", ["-k", "no-such-trial", "--engine", "processes"], "no-such-trial")


@pytest.mark.parametrize("option", ["--help", "reproduce --help", "clean --help", "images --help"])
def test_help_is_given_and_ends_with_0(option: str) -> None:
    code, said = harness(*option.split())
    assert (code, said) == (0, "")


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_what_a_program_reads_from_stdout_is_alone_there(tmp_path: Path, form: str) -> None:
    options = ["--scenario", "serve", "--door", "prefect-deploy", "--subject", "3.3.4", "--engine", "processes"]
    command = [sys.executable, "-m", "harness", "reproduce", *options, "--results", str(tmp_path), "--format", form]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 125, "nothing of it applies"
    folder = tmp_path / "latest"
    assert ("exit:     125" in done.stderr, "exit:     125" in done.stdout) == (form != "table", form == "table")
    saved = {"markdown": "summary.md", "json": "results.json"}
    if form in saved:
        assert done.stdout == (folder / saved[form]).read_text(encoding="utf-8")
    assert "not-applicable" in done.stdout
    assert (folder / "index.html").exists()
    again = subprocess.run(
        [sys.executable, "-m", "harness", "recheck", str(folder)], capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stdout.splitlines()[-1]) == (125, "0 of 0 verdicts hold")
