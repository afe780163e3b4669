"""Fixes of findings: what they edit, what their tests are taken for, and what is asked of each."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import Error, Failure, Skipped, TestCase
from packaging.specifiers import SpecifierSet
from rich.console import Console

from harness.commands import fix as fix_command
from harness.commands import read
from harness.runs import fixes
from harness.runs.fixes import TestsSeen, load_fixes, seen_in, shown
from harness.subjects import overlays
from harness.subjects.overlays import FOLDER, OVERLAYS
from harness.words.errors import LabError, UsageError
from harness.words.places import FIX_TESTS, ROOT

SOURCE = """\
import os


@a_decorator
def first(session):
    delete(
        session=session,
        auto=True,
    )


class Second:
    def method(self):
        delete(
            auto=True,
        )
"""


def edited(change: str, *arguments: str, source: str = SOURCE) -> subprocess.CompletedProcess[str]:
    """What overlays/_edits.py makes of a source; it runs in a Python of its own, as in a subject."""
    script = "import json, runpy, sys; f, *a = json.load(sys.stdin); "
    script += f"print(runpy.run_path({str(OVERLAYS / '_edits.py')!r})[f](*a), end='')"
    return subprocess.run(
        [sys.executable, "-c", script], input=json.dumps([change, source, *arguments]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_new_lines_stand_beside_the_line_that_is_named_in_the_function_that_is_named() -> None:
    done = edited("after", "first", "auto=True,", "future=True,")
    assert done.stdout == SOURCE.replace("        auto=True,\n", "        auto=True,\n        future=True,\n", 1)
    done = edited("before", "Second.method", "auto=True,", "future=True,")
    assert done.stdout == SOURCE.replace("            auto", "            future=True,\n            auto")
    assert edited("without", "first", "auto=True,").stdout == SOURCE.replace("        auto=True,\n", "", 1)
    done = edited("instead", "first", "session=session,\nauto=True,", "**all,")
    assert done.stdout == SOURCE.replace("        session=session,\n        auto=True,\n", "        **all,\n")
    assert edited("after", "", "import os", "import re\n\n").stdout.startswith("import os\nimport re\n\n")


def test_a_new_function_stands_ahead_of_another_and_of_its_decorators() -> None:
    done = edited("ahead_of", "first", "def new():\n    pass")
    assert done.stdout == SOURCE.replace("@a_decorator", "def new():\n    pass\n\n\n@a_decorator")
    ast.parse(done.stdout)


@pytest.mark.parametrize(
    ("where", "line"), [("first", "future=True,"), ("", "auto=True,"), ("third", "auto=True,"), ("Second.other", "")]
)
def test_a_place_that_there_is_not_or_that_there_is_twice_is_no_fit(where: str, line: str) -> None:
    done = edited("after", where, line, "new")
    assert done.returncode
    assert "TypeError: " in done.stderr


def test_what_is_laid_edits_a_module_before_what_rewrites_and_patches_it(tmp_path: Path) -> None:
    laid = tmp_path / FOLDER
    overlays.lay(["fix-pause"], laid)
    script = (
        "def edit(name, source):\n    return source.replace('as ever', 'edited')\n\n\n"
        "def patch(module):\n    module.said += ' and patched'\n"
    )
    (laid / "survival_overlays" / "fix_pause.py").write_text(script, encoding="utf-8")
    wanted = {"patching": {"subject": ["fix_pause"]}, "editing": {"subject": ["fix_pause"]}}
    (laid / "overlays.json").write_text(json.dumps(wanted), encoding="utf-8")
    (tmp_path / "subject.py").write_text("said = 'as ever'\n", encoding="utf-8")
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join([str(laid), str(tmp_path)])}
    command = [sys.executable, "-c", "import subject; print(subject.said)"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "edited and patched\n"


@pytest.mark.parametrize("name", load_fixes())
def test_each_fix_has_a_finding_a_test_and_a_trial_that_can_be_asked_for(name: str) -> None:
    fix = load_fixes()[name]
    assert "\nEDITS = " in fix.path.read_text(encoding="utf-8"), "there would be no diff"
    assert SpecifierSet(fix.releases).contains("3.9.1")
    assert fixes.test_of(fix).parent == FIX_TESTS
    for finding, options in fix.fixes.items():
        folder = ROOT / "docs" / "findings" / finding
        assert (folder / "README.md").exists()
        if not options:  # there is no trial of it
            assert (folder / "reproduce.py").exists()
            continue
        ask = read("reproduce", shlex.split(options))
        assert ask.scenarios
        assert ask.doors


def test_there_is_no_test_without_its_fix() -> None:
    assert {path.stem.removeprefix("test_") for path in FIX_TESTS.glob("test_*.py")} == {
        fix.path.stem for fix in load_fixes().values()
    }


def test_a_name_that_is_no_fixs_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="fix-pause"):
        fixes.fix_named("fix-paus")


def case(name: str, *results: Error | Failure | Skipped) -> TestCase:
    case = TestCase(name)
    case.result = [*results]
    return case


@pytest.mark.rule("fix-test-fails-by-an-assertion", "A test that crashes does not show that a fix is needed.")
def test_what_a_test_raised_counts_as_a_failure_only_if_it_is_an_assertion() -> None:
    seen = seen_in(
        [
            case("a"),
            case("b", Failure("assert None")),
            case("c", Failure("AssertionError: no run")),
            case("d", Failure("sqlalchemy.exc.StatementError: no greenlet")),
            case("e", Error("failed on setup with AssertionError")),
            case("f", Skipped("not here")),
            case("g", Failure("assert None"), Error("failed on teardown")),
        ]
    )
    assert seen == TestsSeen(passed=["a"], failed=["b", "c"], other=["d", "e", "f", "g"])


@pytest.mark.rule("fix-test-fails-without-the-fix", "A test that passes without a fix shows nothing of it.")
def test_a_fix_is_shown_if_a_test_fails_without_it_and_none_with_it() -> None:
    fails, passes = TestsSeen(passed=["a"], failed=["b"]), TestsSeen(passed=["a", "b"])
    assert shown(fails, passes)
    assert not shown(passes, passes)
    assert not shown(fails, fails)
    assert not shown(fails, TestsSeen(passed=["a"], other=["b"]))
    assert not shown(TestsSeen(failed=["b"], other=["a"]), passes)
    assert not shown(fails, TestsSeen(passed=["a"]))
    assert not shown(TestsSeen(), TestsSeen())


def test_a_test_that_did_not_run_to_its_end_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="the test of fix-pause did not run to its end"):
        fixes.tests_seen(load_fixes()["fix-pause"], Path("/bin/false"), with_it=False)


def test_a_fix_that_does_not_find_its_place_has_no_diff() -> None:
    with pytest.raises(LabError, match="this Python has no Prefect"):
        fixes.diff(load_fixes()["fix-pause"], Path(sys.executable))


def test_a_trial_is_of_the_release_and_of_it_with_the_fix() -> None:
    trial = fix_command._trial("3.9.1", "fix-it", "--scenario a --at 'tick-6s'")
    assert trial == "--subject 3.9.1 --scenario a --at 'tick-6s' --subject 3.9.1+fix-it"
    trial = fix_command._trial("3.9.1", "fix-it", "--door b --subject 3.1.15/upgrade={}")
    assert trial == "--door b --subject 3.1.15/upgrade=3.9.1 --subject 3.1.15/upgrade=3.9.1+fix-it"


@pytest.mark.parametrize("subject", ["wheel:prefect.whl", "3.9.1+skip-a-tick", "3.9.1/worker=3.3.4"])
def test_a_diff_is_of_a_plain_release(subject: str, tmp_path: Path) -> None:
    ask = read("fix", ["fix-pause", "--subject", subject, "--into", str(tmp_path)])
    with pytest.raises(UsageError, match="is no plain release"):
        fix_command.run(ask, Console())
