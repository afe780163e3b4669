"""The overlays that are fixes, on the release that they fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.test_reproduce import reproduce

pytestmark = pytest.mark.end_to_end
OF_3_3_3 = {"3.3.3": "lost", "3.3.3+keep-waiting-runs": "survived", "3.3.3+waiting-state-type": "survived"}


def test_each_fix_keeps_the_late_runs_that_its_release_loses(tmp_path: Path) -> None:
    subjects = [word for subject in OF_3_3_3 for word in ("--subject", subject)]
    code, content, printed = reproduce(tmp_path, "--engine", "processes", "--scenario", "worker-outage", *subjects)
    assert {trial["subject"]: trial["outcome"] for trial in content["trials"]} == OF_3_3_3, printed
    assert code == 0
