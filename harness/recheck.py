"""A second look at saved verdicts: the checkers again, over the saved histories alone. No engine, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.evidence.bundle import is_bundle, unpack
from harness.evidence.checksums import check_checksums
from harness.evidence.results import evidence_of, harness_words, read_results, read_run, runs_of
from harness.evidence.trial_folder import from_history, read_trial
from harness.verdict import NOT_APPLICABLE, exit_code

# What of a saved entry hangs on the history alone.
_COMPARED = ("outcome", "at_risk", "kept", "progressed", "altered", "lost", "stranded", "recreated")
_TICKS = ("outcome", "missing", "duplicate")


@dataclass(frozen=True)
class Trial:
    """One trial: its saved entry, what its history says now, and what differs, a phrase each; none where it holds."""

    saved: dict[str, Any]
    again: str | None
    differences: Sequence[str]


@dataclass(frozen=True)
class SecondLook:
    """What a second look at a run found.

    harness   the versions that made it: a commit each (several where runs were joined), as run.json has them
    problems  what is wrong with its files: a line each
    trials    those that had a history, or should have
    """

    harness: Sequence[str]
    problems: Sequence[str]
    trials: Sequence[Trial]

    @property
    def holds(self) -> bool:
        """Whether every verdict holds, on files that nobody changed."""
        return not self.problems and not any(trial.differences for trial in self.trials)


def recheck(run: Path) -> SecondLook:
    """Judge a run, or a bundle of one, again. Raises UsageError for what is neither."""
    with _opened(run) as folder:
        results, facts = read_results(folder), read_run(folder)
        problems = check_checksums(folder)
        tried = [entry for entry in results["trials"] if entry["outcome"] not in (NOT_APPLICABLE, None)]
        trials = [_trial(folder, entry) for entry in tried]
        code = exit_code(results["trials"])
        if results["exit_code"] in (0, 1, 125) and (code, results["exit_code"]) not in {(code, code), (0, 125)}:
            problems.append(f"results.json says exit code {results['exit_code']}; its trials come to {code}")
        return SecondLook(_harness(facts), problems, trials)


@contextmanager
def _opened(run: Path) -> Iterator[Path]:
    if not is_bundle(run):
        yield run
        return
    with TemporaryDirectory(prefix="recheck-") as folder:
        yield unpack(run, Path(folder))


def _trial(folder: Path, saved: dict[str, Any]) -> Trial:
    path = evidence_of(folder, saved) / "history.jsonl"
    if not path.exists():
        return Trial(saved, None, ["its history is gone"])
    again = from_history(read_trial(path))
    found = [(key, saved.get(key), again[key]) for key in _COMPARED]
    found += [(f"the twin's {key}", saved["twin"].get(key), again["twin"][key]) for key in _COMPARED[1:]]
    then = saved.get("ticks") or {}
    found += [(f"the ticks' {key}", then.get(key), again["ticks"][key]) for key in _TICKS if then]
    return Trial(saved, again["outcome"], [f"{name}: {was} then, {now} now" for name, was, now in found if was != now])


def _harness(facts: dict[str, Any]) -> list[str]:
    made = [one.get("harness") or {} for one in runs_of(facts)]
    return list(dict.fromkeys(harness_words(one) for one in made))
