"""What a folder of experiments/ declares, and how the folders are found and loaded."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.doors import select_doors
from harness.trials.scenario import select_scenarios
from harness.words.errors import no_such
from harness.words.names import PREFECT_DEPLOY
from harness.words.places import ROOT
from harness.words.rooms import module_at

EXPERIMENTS = ROOT / "experiments"
_BACKLOGS = {"late runs": "worker-outage", "runs that wait for a slot": "concurrency-limit"}


@dataclass(frozen=True)
class Case:
    """A scenario, the door that is opened on it, and when (in the words of `--at`; empty: as it usually is)."""

    scenario: str
    door: str = PREFECT_DEPLOY
    at: str = ""


@dataclass(frozen=True)
class Practice:
    """What people are told to do, in a few words, the case that shows it, and the one without it."""

    words: str
    case: Case
    without: Case


@dataclass(frozen=True)
class Experiment:
    """A hypothesis in one sentence, and the practices that put it to the test.

    subjects  an unpatched, a patched and the newest release
    name      set from the folder
    """

    hypothesis: str
    practices: Sequence[Practice]
    subjects: Sequence[str] = ("3.3.3", "3.3.4", "latest")
    name: str = ""
    folder: Path = Path()

    @property
    def cases(self) -> list[Case]:
        """Every case of it, each once."""
        return list(dict.fromkeys(case for one in self.practices for case in (one.without, one.case)))


def on_both_backlogs(ways: Mapping[str, str]) -> list[Practice]:
    """Each of these ways (in words: a door) on late runs and on runs that wait for a slot, beside a plain deploy."""
    return [
        Practice(f"{way}; {runs}", Case(scenario, door), Case(scenario))
        for runs, scenario in _BACKLOGS.items()
        for way, door in ways.items()
    ]


@functools.cache
def load_experiments() -> dict[str, Experiment]:
    """Every experiment, by its folder's name, in alphabetical order; read once a process.

    Raises: UsageError where one names a scenario or a door that there is not.
    """
    found = {}
    for path in sorted(EXPERIMENTS.glob("*/experiment.py")):
        name = path.parent.name
        one: Experiment = module_at(path, f"experiments.{name.replace('-', '_')}").experiment
        select_scenarios([case.scenario for case in one.cases])
        select_doors([case.door for case in one.cases])
        found[name] = replace(one, name=name, folder=path.parent)
    return found


def experiment_named(name: str) -> Experiment:
    """The experiment of that name. Raises: UsageError where there is none."""
    if name not in (found := load_experiments()):
        raise no_such("experiment", name, found)
    return found[name]
