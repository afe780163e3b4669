"""Takes each rule of README.md's tables out of the harness, in a copy, and shows that the test named for it fails.

python tests/mutations.py            try every mutation
python tests/mutations.py WORD ...   only those whose rule holds one of these words

Ends with 1 if a mutation survives, or fits its file no more. A tool, and no test: pytest does not collect it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 5
PATIENCE = 120  # seconds for one test


@dataclass(frozen=True)
class Mutation:
    """One rule, the words in one file that keep it, what they are changed into, and the test that then fails."""

    rule: str
    file: str
    was: str
    becomes: str
    test: str


def mutations() -> list[Mutation]:
    """The rows of README.md's tables of rules. The cells in backticks are taken as they stand, ⏎ for a line's end."""
    found = []
    for line in (ROOT / "tests" / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell[1:-1] for cell in line.strip("|").split("|")]
        if len(cells) == COLUMNS and cells[-1].startswith(("unit/", "fakes/")):
            rule, file, was, becomes, test = cells
            code = [cell.removeprefix("`").removesuffix("`").replace("⏎", "\n") for cell in (was, becomes)]
            found.append(Mutation(rule, f"harness/{file}", code[0], code[1], f"tests/{test}"))
    return found


def run(copy: Path, *tests: str) -> int:
    """pytest's exit code for some tests in the copy: 0 passed, 1 failed, anything else could not be run."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    patience = PATIENCE * len(tests)
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=patience, check=False)
    return done.returncode


def write(path: Path, text: str) -> None:
    """Write a module, and throw away what Python compiled of it: two versions of one second look the same to it."""
    path.write_text(text, encoding="utf-8")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def what_becomes_of(mutation: Mutation, copy: Path) -> str:
    """Apply a mutation to the copy, run its test, take it back; says `killed`, or what is wrong."""
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.was) != 1:
        return f"NO FIT: {mutation.was!r} stands {text.count(mutation.was)} times in {mutation.file}"
    write(path, text.replace(mutation.was, mutation.becomes))
    try:
        code = run(copy, mutation.test)
    except subprocess.TimeoutExpired:
        return f"NO END within {PATIENCE} s: {mutation.test}"
    finally:
        write(path, text)
    return {0: f"SURVIVED: {mutation.test} passes", 1: "killed"}.get(code, f"NOT RUN: pytest ended with {code}")


def main(words: list[str]) -> int:
    """Try the mutations whose rule holds one of the words; returns the exit code."""
    chosen = [one for one in mutations() if not words or any(word in one.rule for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copy = Path(folder)
        for name in ("harness", "overlays", "scenarios", "tests/unit", "tests/fakes"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "tests/__init__.py"):
            shutil.copy(ROOT / name, copy / name)
        if not chosen or run(copy, *sorted({one.test for one in chosen})):
            print("no rule holds these words" if not chosen else "the tests do not even pass with nothing changed")
            return 1
        survived = 0
        for number, one in enumerate(chosen, start=1):
            said = what_becomes_of(one, copy)
            survived += said != "killed"
            print(f"{number}/{len(chosen)} {one.rule}: {said}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} killed")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
