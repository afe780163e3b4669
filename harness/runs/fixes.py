"""A fix as a maintainer takes it: its diff against a release, and a test that fails on the release without it.

Both come from what is tried: the diff is what the overlay edits, and the test (remedies/fixes/) runs on the release
without the overlay and with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from junitparser import JUnitXml, TestCase
from junitparser.junitparser import JUnitXmlError, Result

from harness.engines.processes.environment import make_venv, target
from harness.engines.settings import EVERYWHERE
from harness.subjects.overlays import Overlay, lay, load_overlays
from harness.subjects.release import Release
from harness.subjects.uv_tool import uv
from harness.words import cache
from harness.words.errors import LabError, UsageError, no_such
from harness.words.places import FIX_TESTS

_SUITE = ("pytest>=8,<10", "pytest-asyncio>=1,<2")  # what Prefect's own tests run on, too
_AS_PREFECT_DOES = (  # its own pyproject.toml
    *("-o", "asyncio_mode=auto"),
    *("-o", "asyncio_default_fixture_loop_scope=session"),
    *("-o", "asyncio_default_test_loop_scope=session"),
    *("-o", "markers=clear_db"),
    *("-p", "no:cacheprovider"),
)
_FIXTURES = "conftest.py"
_SECONDS = 300.0  # for a test file


class TestsSeen(msgspec.Struct, frozen=True):
    """What a run of a test file came to: the names of the tests that passed, failed, and did neither."""

    passed: Sequence[str] = ()
    failed: Sequence[str] = ()
    other: Sequence[str] = ()

    @property
    def number(self) -> int:
        return len(self.passed) + len(self.failed) + len(self.other)


def load_fixes() -> Mapping[str, Overlay]:
    """The overlays that are fixes of findings, by name."""
    return {name: overlay for name, overlay in load_overlays().items() if overlay.fixes}


def fix_named(name: str) -> Overlay:
    """Raises: UsageError for a name that is no fix's."""
    if name not in load_fixes():
        raise no_such("fix", name, load_fixes())
    return load_fixes()[name]


def test_of(fix: Overlay) -> Path:
    """The file of a fix's test. Raises: UsageError where there is none."""
    path = FIX_TESTS / f"test_{fix.path.stem}.py"
    if not path.exists():
        raise UsageError(f"The fix {fix.name} has no test.\nWrite remedies/fixes/{path.name}.")
    return path


def environment_with_pytest(release: Release) -> Path:
    """An environment of a release in which tests can run: its Python. It is kept in the cache. Raises: UvError."""
    built_for = target()
    recipe = "\n".join((built_for.python, built_for.platform, release.lock, *_SUITE))

    def build(path: Path) -> None:
        python = make_venv(release, built_for, path)
        uv(["pip", "install", "--python", str(python), *_SUITE], stdin="")

    key = f"{release.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    return cache.built("tested", key, build) / "venv" / "bin" / "python"


def diff(fix: Overlay, python: Path) -> str:
    """What a fix changes in the Prefect of this Python, for `git apply` in Prefect's own repository.

    Raises: LabError if the fix does not find what it changes, or there is no git.
    """
    with tempfile.TemporaryDirectory() as folder:
        lay([fix.name], Path(folder, "laid"))
        done = _run([str(python), "-m", "survival_overlays._edited", folder], folder, laid=Path(folder, "laid"))
        if done.returncode:
            raise LabError(_last_line(done.stderr) or "the edited source was not written", source="build")
        if not (git := shutil.which("git")):
            raise LabError("there is no git on this machine, which writes the diff; install it", source="build")
        command = [git, "diff", "--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "a", "b"]
        return _run(command, folder).stdout


def tests_seen(fix: Overlay, python: Path, *, with_it: bool) -> TestsSeen:
    """What the test of a fix comes to on the Prefect of this Python, without the fix or with it.

    Raises: LabError if the tests did not run to their end.
    """
    with tempfile.TemporaryDirectory() as folder:
        test, report, laid = test_of(fix), Path(folder, "report.xml"), Path(folder, "laid") if with_it else None
        if laid:
            lay([fix.name], laid)
        for path in (test, FIX_TESTS / _FIXTURES):
            shutil.copy(path, folder)
        command = [str(python), "-m", "pytest", *_AS_PREFECT_DOES, f"--rootdir={folder}", f"--junitxml={report}"]
        command.append(test.name)
        done = _run(command, folder, laid=laid)
        try:
            cases = [case for suite in JUnitXml.fromfile(str(report)) for case in suite]
        except (OSError, JUnitXmlError) as error:
            said = (done.stdout + done.stderr)[-2000:]
            raise LabError(f"the test of {fix.name} did not run to its end", source="build", log=said) from error
    return seen_in(cases)


def seen_in(cases: Sequence[TestCase]) -> TestsSeen:
    """The tests of a report by what they came to. Only an assertion that does not hold is a failure."""
    names: dict[str, list[str]] = {"passed": [], "failed": [], "other": []}
    for case in cases:
        names[_came_to(case)].append(str(case.name))
    return TestsSeen(**names)


def _came_to(case: TestCase) -> str:
    if not all(map(_is_assertion, case.result)):  # rule: fix-test-fails-by-an-assertion
        return "other"
    return "failed" if case.result else "passed"


def _is_assertion(result: Result) -> bool:
    return str(result.message).startswith(("assert ", "AssertionError"))


def shown(without: TestsSeen, with_it: TestsSeen) -> bool:
    """Whether a test shows that a fix is needed, and that it is enough."""
    whole = not without.other and not with_it.other and without.number == with_it.number
    if not without.failed:  # rule: fix-test-fails-without-the-fix
        return False
    return whole and not with_it.failed


def _run(command: Sequence[str], folder: str, laid: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with its home in this folder, and with what is laid for the loader."""
    environment = {**EVERYWHERE, "PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "PREFECT_HOME": folder}
    try:
        return subprocess.run(
            command, cwd=folder, env=environment | ({"PYTHONPATH": str(laid)} if laid else {}),
            capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{command[0]} did not end within {_SECONDS:.0f} s", source="build") from error


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
