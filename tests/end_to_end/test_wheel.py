"""The harness as a wheel, in an environment of its own, outside of any checkout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end


def test_a_wheel_reproduces_and_rechecks_outside_of_a_checkout(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "harness"), "reproduce", "--subject", "3.3.4", "--scenario", "worker-outage"]
    done = subprocess.run(
        [*command, "--engine", "processes"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "again:    harness reproduce --subject 3.3.4 --scenario worker-outage --engine processes" in done.stdout
    run = tmp_path / "results" / "latest"
    (trial,) = json.loads((run / "results.json").read_text(encoding="utf-8"))["trials"]
    assert (trial["outcome"], trial["kept"], trial["as_expected"]) == ("survived", 3, True)
    said = json.loads((run / "run.json").read_text(encoding="utf-8"))["harness"]
    assert (said["commit"], bool(said["version"])) == (None, True)
    again = subprocess.run(
        [str(installed / "harness"), "recheck", str(run)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout
    assert f"harness then: version {said['version']}; now: version {said['version']}" in again.stdout


def test_a_wheel_has_overlays_docker_files_and_its_types(installed: Path, tmp_path: Path) -> None:
    script = (
        "import harness; from pathlib import Path; from harness.words.places import ROOT; "
        "print(len(list(ROOT.glob('overlays/*.py'))), (ROOT / 'docker' / 'Dockerfile').exists(), "
        "(Path(harness.__file__).parent / 'py.typed').exists())"
    )
    done = subprocess.run(
        [str(installed / "python"), "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    number, docker, typed = done.stdout.split()
    assert (int(number) > 10, docker, typed) == (True, "True", "True")
