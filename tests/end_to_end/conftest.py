"""What several end-to-end tests share: the harness as a wheel, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from harness.words.places import ROOT


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that the wheel was installed in."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = find_uv_bin()
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for command in (
        [uv, "build", "--wheel", "--out-dir", str(folder), str(ROOT)],
        [uv, "venv", str(folder / "venv")],
    ):
        subprocess.run(command, check=True, capture_output=True, env=environment)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [uv, "pip", "install", "--python", str(folder / "venv" / "bin" / "python"), str(wheel)],
        check=True,
        capture_output=True,
        env=environment,
    )
    return folder / "venv" / "bin"
