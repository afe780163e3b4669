"""Breaks the harness at each place that is tagged with a rule, in a copy, and shows that the test marked with it fails.

python tests/mutations.py                   try every rule
python tests/mutations.py [-n 2] WORD ...   only those that hold one of these words, two at a time

Ends with 1 if a test passes all the same. A tool, and no test: pytest does not collect it. tests/README.md says more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.mutants import mutate
from tests.rules import ROOT, rules, tags

PATIENCE = 120  # seconds for one test
_SOMEBODY = ("-c", "user.name=mutations", "-c", "user.email=mutations@localhost")


@dataclass(frozen=True)
class Mutation:
    """One rule, the file and line that keep it, the whole file with it broken, and the test that then fails."""

    rule: str
    file: str
    line: int
    source: str
    test: str


def mutations() -> list[Mutation]:
    """One for each tag, by files and lines. Raises ValueError for a tag that has no place, or no test."""
    guarded = {rule.name: rule for rule in rules()}
    found = []
    for tag in tags():
        if tag.rule not in guarded:
            raise ValueError(f"{tag}: no test is marked with the rule {tag.rule}")
        broken = mutate((ROOT / tag.file).read_text(encoding="utf-8"), tag).source
        says = f"{tag.rule}: {guarded[tag.rule].says}"
        found.append(Mutation(says, tag.file, tag.line, broken, guarded[tag.rule].test))
    return found


def run(copy: Path, *words: str, patience: float = PATIENCE) -> tuple[int, str]:
    """pytest's exit code in the copy (0: all passed, 1: some failed, else they were not run), and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=patience, check=False
    )
    return done.returncode, done.stdout + done.stderr


def write(path: Path, text: str) -> None:
    """Write a module, and throw away what Python compiled of it: two versions of one second look the same to it."""
    path.write_text(text, encoding="utf-8")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def what_becomes_of(mutation: Mutation, copy: Path) -> str:
    """Apply a mutation to the copy, run its test, take it back; says `killed`, or what is wrong."""
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    write(path, mutation.source)
    try:
        code, _ = run(copy, "-x", mutation.test)
    except subprocess.TimeoutExpired:
        return f"NO END within {PATIENCE} s: {mutation.test}"
    finally:
        write(path, text)
    return {0: f"SURVIVED: {mutation.test} passes", 1: "killed"}.get(code, f"NOT RUN: pytest ended with {code}")


def failing(copy: Path, tests: set[str], at_once: int) -> set[str]:
    """Those of the tests that fail with nothing changed: of their rules nothing can be shown."""
    code, said = run(copy, "-n", str(at_once), *sorted(tests), patience=PATIENCE * len(tests))
    lines = [line.split() for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if code not in (0, 1) or (code and not lines):
        raise SystemExit(f"pytest ended with {code}, with nothing changed:\n{said[-3000:]}")
    return {line[1].partition("[")[0] for line in lines}


@contextmanager
def copies(number: int) -> Iterator[SimpleQueue[Path]]:
    """So many copies of what the tests need, to be taken and given back."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        for count in range(number):
            copy = Path(folder) / str(count)
            for name in ("harness", "overlays", "scenarios", "tests/unit", "tests/fakes"):
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "tests/__init__.py"):
                shutil.copy(ROOT / name, copy / name)
            for words in (["init", "-q"], ["add", "."], [*_SOMEBODY, "commit", "-q", "-m", "as it is"]):
                subprocess.run(["git", *words], cwd=copy, check=True)  # a recheck asks which commit the harness is
            free.put(copy)
        yield free


def main(arguments: list[str]) -> int:
    """Try the mutations whose rule holds one of the words; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1, metavar="N", dest="at_once", help="so many tests at a time")
    parser.add_argument("words", nargs="*", metavar="WORD", help="try only the rules that hold one of these words")
    asked = parser.parse_args(arguments)
    chosen = [one for one in mutations() if not asked.words or any(word in one.rule for word in asked.words)]
    if not chosen:
        print("no rule holds these words")
        return 1
    with copies(asked.at_once) as free, ThreadPoolExecutor(asked.at_once) as pool:
        copy = free.get()
        broken = failing(copy, {one.test for one in chosen}, asked.at_once)
        free.put(copy)

        def attempt(mutation: Mutation) -> str:
            if mutation.test in broken:
                return f"NOT SHOWN: {mutation.test} fails with nothing changed"
            mine = free.get()
            try:
                return what_becomes_of(mutation, mine)
            finally:
                free.put(mine)

        survived = 0
        for number, (one, said) in enumerate(zip(chosen, pool.map(attempt, chosen), strict=True), start=1):
            survived += said != "killed"
            print(f"{number}/{len(chosen)} {one.file}:{one.line} {one.rule} {said}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} killed")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
