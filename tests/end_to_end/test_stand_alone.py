"""reproduce.py, as it lies beside a trial that lost runs: it needs nothing of this project, and says what is gone."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from uv import find_uv_bin

from harness.engines.processes.engine import Processes
from harness.evidence.script import NAME, script
from harness.subjects.kinds import resolve
from harness.words.plan import Cell

pytestmark = pytest.mark.end_to_end

STATES = ("Late", "AwaitingConcurrencySlot")


def cell_of(version: str) -> Cell:
    """A cell of a release through `prefect deploy`."""
    engine = Processes()
    release = resolve(version, engine.target(), engine.resolve_image)
    return Cell("a-scenario", "prefect-deploy", version, version, release.as_of, "processes", "sqlite", "", "lab")


def run(folder: Path, text: str) -> str:
    """What the script prints last, in a folder of its own."""
    folder.mkdir()
    (folder / NAME).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [find_uv_bin(), "run", "--no-project", NAME],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def test_the_script_loses_on_3_3_3_what_it_keeps_on_3_3_4(tmp_path: Path) -> None:
    texts = {(version, state): script(cell_of(version), state) for version in ("3.3.3", "3.3.4") for state in STATES}
    assert max(len(text.splitlines()) for text in texts.values()) <= 80
    with ThreadPoolExecutor(max_workers=2) as pool:
        said = dict(zip(texts, pool.map(run, [tmp_path / "-".join(key) for key in texts], texts.values()), strict=True))
    for (version, state), line in said.items():
        gone, of = map(int, re.findall(r"(\d+) of (\d+) runs", line)[0])
        assert of >= 3, line
        assert gone == (of if version == "3.3.3" else 0), (state, line)
