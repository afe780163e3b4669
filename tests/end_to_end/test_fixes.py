"""The overlays that are fixes, on the release that they fix."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.commands import command_named, read
from tests.end_to_end.test_reproduce import reproduce

pytestmark = pytest.mark.end_to_end
OF_3_3_3 = {"3.3.3": "lost", "3.3.3+keep-waiting-runs": "survived", "3.3.3+waiting-state-type": "survived"}


def test_each_fix_keeps_the_late_runs_that_its_release_loses(tmp_path: Path) -> None:
    subjects = [word for subject in OF_3_3_3 for word in ("--subject", subject)]
    code, content, printed = reproduce(tmp_path, "--engine", "processes", "--scenario", "worker-outage", *subjects)
    assert {trial["subject"]: trial["outcome"] for trial in content["trials"]} == OF_3_3_3, printed
    assert code == 0


def test_a_fix_is_written_as_a_diff_and_a_test_that_fails_without_it(tmp_path: Path) -> None:
    said = io.StringIO()
    ask = read("fix", ["fix-pause", "--subject", "3.9.1", "--into", str(tmp_path)])
    code = command_named("fix").run(ask, Console(file=said, width=200))
    printed = said.getvalue()
    assert code == 0, printed
    assert "1 of 2 failed (test_late_run_is_kept)" in printed
    added = [line for line in (tmp_path / "fix-pause.diff").read_text(encoding="utf-8").splitlines() if line[0] == "+"]
    assert added == ["+++ b/src/prefect/server/api/deployments.py", "+            future_only=True,"]
    assert (tmp_path / "test_fix_pause.py").exists()
