"""Write a fix of a finding as a diff and a test, and see the test fail without it and pass with it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.engines.processes.environment import target
from harness.runs.fixes import (
    TestsSeen,
    diff,
    environment_with_pytest,
    fix_named,
    load_fixes,
    shown,
    test_of,
    tests_seen,
)
from harness.store.results import check_writable
from harness.subjects.kinds import is_release
from harness.subjects.overlays import check_fit
from harness.subjects.release import check_release, resolve_release
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED
from harness.words.errors import UsageError
from harness.words.files import write_whole
from harness.words.options import Argument, Option, Usual
from harness.words.places import session

DESCRIPTION = (
    "Writes what an overlay that fixes a finding changes in a release's source, for Prefect's own repository, with a "
    "test in the style of Prefect's; the test has to fail on the release, and to pass with the fix."
)
EPILOG = (
    "exit codes: 0 the test fails without the fix and passes with it; 1 it does not; 2 wrong usage; "
    "125 it could not be tried"
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    name: Annotated[str, Argument("FIX", f"one of {', '.join(load_fixes())}")]
    subject: Annotated[str, Option("a release that it fits", metavar="PREFECT")] = "latest"
    into: Annotated[Path | None, Option("where both are written", metavar="FOLDER"), Usual("results/FIX")] = None


def run(ask: Ask, console: Console) -> int:
    """Carry it out. Raises: UsageError before anything is started, and LabError where the test cannot run."""
    fix = fix_named(ask.name)
    if not is_release(ask.subject):
        raise UsageError(f"{ask.subject!r} is no plain release, and a diff is of one. Name it by number, or latest.")
    check_release(ask.subject)
    into = ask.into or Path("results") / fix.name
    check_writable(into, "--into")
    test = test_of(fix)
    release = resolve_release(ask.subject, target())
    check_fit([fix], release.version)

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    say(f"{fix.name}: {fix.summary}")
    python = environment_with_pytest(release)
    patch = into / f"{fix.name}.diff"
    write_whole(patch, diff(fix, python))
    shutil.copy(test, into)
    without, with_it = (tests_seen(fix, python, with_it=laid) for laid in (False, True))
    say(f"the test on {release.version}:          {_said(without)}")
    say(f"the test on {release.version} with it:  {_said(with_it)}")
    say(f"diff:     {patch}")
    say(f"test:     {into / test.name}")
    for finding, options in fix.fixes.items():
        say(f"finding:  {finding}")
        if options:
            say(f"trial:    {' '.join(session('reproduce'))} {_trial(ask.subject, fix.name, options)}")
    return EXIT_AS_EXPECTED if shown(without, with_it) else EXIT_CONTRADICTED


def _trial(subject: str, fix: str, options: str) -> str:
    """The options of the trial of a release, and of it with a fix; `{}` in an option is either."""
    both = options if "{}" in options else f"--subject {{}} {options}"
    named = next(word for word in both.split() if "{}" in word)
    return f"{both.format(subject)} --subject {named.format(f'{subject}+{fix}')}"


def _said(seen: TestsSeen) -> str:
    counted = [("passed", seen.passed), ("failed", seen.failed), ("did not run", seen.other)]
    parts = [f"{len(names)} of {seen.number} {word}" for word, names in counted if names]
    return ", ".join(parts or ["there is no test"]) + (f" ({', '.join(seen.failed)})" if seen.failed else "")
