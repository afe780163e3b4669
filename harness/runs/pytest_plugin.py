"""Trials as pytest items. Loaded by name for a matrix (`-p harness.runs.pytest_plugin`), and no `pytest11` entry point.

Each scenarios/*/scenario.py is collected as the cells of the plan that try it. A lab's trials go to one of xdist's
workers: the first takes all of the lab's selected trials through the phases together, and each asserts its own outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.engines.base import SiteSetup
from harness.engines.choose import engine_named
from harness.runs.builds import wait_until_built
from harness.runs.one_lab import try_lab
from harness.trials.phases import check_owner
from harness.trials.scenario import add_places, load_scenarios
from harness.verdict.outcomes import contradicts, objection, unjudged
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult

_PLAN = pytest.StashKey[Plan]()
_RESULTS = pytest.StashKey[dict[str, TrialResult]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option: where the plan lies."""
    parser.addoption("--plan", required=True, help="the plan of the run, as the command `harness` wrote it")


def pytest_configure(config: pytest.Config) -> None:
    """Read the plan."""
    plan = config.stash[_PLAN] = Plan.read(Path(config.getoption("--plan")))
    add_places(plan.places)
    config.stash[_RESULTS] = {}


class ByLab(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduling with a lab as the scope that one worker gets whole.

    Not by xdist's own groups: with pytest 9.2, xdist 3.8 scatters the tests of a group over its workers (measured).
    """

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.rpartition("::")[2]
        return next((cell.lab for cell in self.config.stash[_PLAN].cells if cell.name == name), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByLab:
    """A lab a worker."""
    return ByLab(config, log)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario's folder is collected through its scenario.py."""
    return ScenarioFile.from_parent(parent, path=file_path) if file_path.name == "scenario.py" else None


class ScenarioFile(pytest.File):
    """One scenario: the plan's cells that try it."""

    def collect(self) -> Iterator[TrialItem]:
        """One item a cell that has no outcome yet."""
        scenarios = load_scenarios()
        for cell in self.config.stash[_PLAN].cells:
            if scenarios[cell.scenario].folder == self.path.parent and cell.outcome is None:
                yield TrialItem.from_parent(self, name=cell.name, cell=cell)


class UnexpectedOutcome(Exception):  # noqa: N818 - an outcome, not an error
    """A trial came to another outcome than the one known, or to none that can be judged."""


class TrialItem(pytest.Item):
    """One trial."""

    def __init__(self, *, cell: Cell, **rest: Any) -> None:
        super().__init__(**rest)
        self.cell = cell

    def runtest(self) -> None:
        """Run the lab unless it has run already; raises UnexpectedOutcome."""
        results = self.config.stash[_RESULTS]
        if self.cell.name not in results:
            plan = self.config.stash[_PLAN]
            together = [item.cell for item in self.session.items if isinstance(item, TrialItem)]
            together = [cell for cell in together if cell.lab == self.cell.lab]
            for cell, result in zip(together, self._results(plan, together), strict=True):
                results[cell.name] = result
        result = results[self.cell.name]
        if contradicts(result) or unjudged(result):
            said = f"{result.outcome}, expected {result.expected}: {result.reason}"
            raise UnexpectedOutcome(objection(result) or said)

    def _results(self, plan: Plan, cells: Sequence[Cell]) -> Sequence[TrialResult]:
        """What the cells of this one's lab came to, in a lab of theirs as soon as its subject is built."""
        keys = wait_until_built(plan.run, self.cell.subject, check_owner)
        if not keys:  # the command has concluded the trials already
            raise UnexpectedOutcome(f"error: {self.cell.subject} could not be built")
        setup = SiteSetup(
            subject_keys=keys,
            database=self.cell.database,
            run=plan.run,
            lab=self.cell.lab,
            folder=plan.lab_folder(self.cell.lab),
            start=plan.start,
            clock=self.cell.clock,
        )
        return try_lab(plan, cells, engine_named(self.cell.engine).site(setup))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """An outcome is one line; anything else keeps its traceback."""
        if isinstance(excinfo.value, UnexpectedOutcome):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The headline of a failure."""
        return self.path, None, self.name
