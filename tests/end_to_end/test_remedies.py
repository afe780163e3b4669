"""The packages under remedies/, each installed beside a real Prefect."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from harness.words.places import ROOT

pytestmark = pytest.mark.end_to_end
PACKAGE = "prefect-keep-waiting-runs"
PREFECT, AS_OF = "3.3.3", "2025-04-10"  # and the packages of its day


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with a Prefect in it, and this package beside."""
    folder, uv = tmp_path_factory.mktemp("remedy"), find_uv_bin()
    python = folder / "venv" / "bin" / "python"
    for command in (
        ["venv", "--python", "3.11", str(folder / "venv")],
        ["pip", "install", "--python", str(python), "--exclude-newer", AS_OF, f"prefect=={PREFECT}"],
        ["pip", "install", "--python", str(python), "--no-deps", str(ROOT / "remedies" / "keep-waiting-runs")],
    ):
        subprocess.run([uv, *command], check=True, capture_output=True)
    return python


def test_keep_waiting_runs_is_active_beside_a_prefect_that_it_fits(python: Path, tmp_path: Path) -> None:
    done = run(str(python), "-m", "prefect_keep_waiting_runs", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"active: a server of Prefect {PREFECT} that starts here keeps runs that wait\n"


def test_keep_waiting_runs_keeps_a_server_of_another_release_from_starting(python: Path, tmp_path: Path) -> None:
    script = (
        "from prefect_keep_waiting_runs import hook; check = hook.check_release; import runpy; "
        "hook.check_release = lambda _: check('<3'); "
        "runpy.run_module('prefect_keep_waiting_runs', run_name='__main__')"
    )
    done = run(str(python), "-c", script, home=tmp_path)
    assert done.returncode == 1, done.stdout
    assert f"is for Prefect <3, and this is {PREFECT}. Remove it: pip uninstall {PACKAGE}" in done.stderr


def test_python_starts_as_ever_where_keep_waiting_runs_is_installed(python: Path, tmp_path: Path) -> None:
    done = run(str(python), "-c", "import sys; print('prefect' in sys.modules)", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "False\n")


def test_keep_waiting_runs_leaves_nothing_behind(python: Path, tmp_path: Path) -> None:
    subprocess.run([find_uv_bin(), "pip", "uninstall", "--python", str(python), PACKAGE], check=True)
    script = (
        "import prefect.server.models.deployments as module; print(hasattr(module, '__keep_waiting_runs__'), "
        "hasattr(module._delete_scheduled_runs, '__wrapped__'))"
    )
    assert run(str(python), "-c", script, home=tmp_path).stdout == "False True\n"  # wrapped by Prefect itself
    assert not list(python.parent.parent.rglob("*keep_waiting_runs*"))
