"""What a scenario folder declares, and how the folders under scenarios/ are found and loaded."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.trial import Trial

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = ROOT / "scenarios"


@dataclass(frozen=True)
class Known:
    """An outcome known for a range of releases, with the upstream issue or change it is known from."""

    versions: str
    outcome: str
    reference: str


@dataclass(frozen=True)
class Scenario:
    """A stage with its flow and deployments, the state it puts at risk, and what is known of it by version.

    name            set from the folder
    summary         one line, for listings and reports
    state           the state *name* that is at risk (Prefect's words: `Late`, `AwaitingConcurrencySlot`)
    ticks, interval how many runs each deployment schedules, and the seconds between two
    minimum         how many runs at risk a side must have for a verdict
    holders         how many runs a side hold what the others wait for; they are Running before the door opens
    known           outcomes by version range; the ranges do not overlap
    applies         the versions that can stage this at all, and why the others cannot
    worker_limit    flow runs the worker may run at a time; None is no limit
    stage           hurts the system and makes the backlog, for treated and twin alike
    lift            takes the fault away, so that what was kept can run
    """

    summary: str
    state: str
    ticks: int
    interval: int
    minimum: int
    known: Sequence[Known]
    stage: Callable[[Trial], None]
    lift: Callable[[Trial], None]
    stage_text: str
    lift_text: str
    worker_limit: int | None = None
    holders: int = 0
    applies: str = ""
    applies_reason: str = ""
    name: str = ""
    folder: Path = Path()

    def applies_to(self, version: str) -> bool:
        """Whether this release can stage the scenario at all, from its version alone."""
        return Version(version) in SpecifierSet(self.applies, prereleases=True)

    def known_for(self, version: str) -> Known | None:
        """What is known of a release, or None."""
        for known in self.known:
            if Version(version) in SpecifierSet(known.versions, prereleases=True):
                return known
        return None


def load_scenarios(folder: Path = SCENARIOS) -> dict[str, Scenario]:
    """Every scenario under `folder`, by name, in alphabetical order. Each folder's scenario.py sets `scenario`."""
    found = {}
    for path in sorted(folder.glob("*/scenario.py")):
        name = path.parent.name
        spec = importlib.util.spec_from_file_location(f"scenarios.{name.replace('-', '_')}", path)
        if spec is None or spec.loader is None:  # pragma: no cover - a .py path always has a loader
            raise UsageError(f"{path} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        declared: Scenario = module.scenario
        object.__setattr__(declared, "name", name)
        object.__setattr__(declared, "folder", path.parent)
        found[name] = declared
    return found


def select_scenarios(names: Sequence[str], folder: Path = SCENARIOS) -> list[Scenario]:
    """The scenarios named, or all of them when none is. Raises UsageError for a name that is not there."""
    everything = load_scenarios(folder)
    for name in names:
        if name not in everything:
            near = difflib.get_close_matches(name, everything, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"There is no scenario {name!r}. {hint}There are: {', '.join(everything)}.")
    return [everything[name] for name in (dict.fromkeys(names) or everything)]
