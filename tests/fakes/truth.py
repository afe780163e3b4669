"""What really became of the runs of a trial, from inside the fake server: what no answer of its API can hide.

It knows nothing of the checkers, nor of what a trial recorded. It is told when a door opens and when it is shut, looks
at the server's own objects then and in the end, and says which outcomes would be false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes.fake_prefect import Deployment, FakePrefect, Run


@dataclass(frozen=True)
class Was:
    """A run that was at risk as a door was opened."""

    run: Run
    side: str
    identity: tuple[Any, ...]
    executed: int


@dataclass
class Truth:
    """Of one trial: its runs at risk by id, and what its door took of others'.

    treated, twin  the names of its deployments
    state          the state name that is at risk
    """

    prefect: FakePrefect
    treated: str
    twin: str
    state: str
    at_risk: dict[str, Was] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # runs of other trials that its door deleted
    altered: set[str] = field(default_factory=set)  # and those that it altered or cancelled
    taken_by_others: set[str] = field(default_factory=set)
    _others: Mapping[str, tuple[Run, tuple[Any, ...]]] = field(default_factory=dict)
    _executed_before: dict[str, int] = field(default_factory=dict)  # of each run, and how many states it had
    _states_before: dict[str, int] = field(default_factory=dict)
    _settings_before: tuple[Any, ...] = ()
    _shut_at: datetime | None = None
    _seen: set[str] = field(default_factory=set)  # the promises that were broken as the door was shut

    def door_opens(self) -> None:
        """Look at all there is."""
        for run in self.prefect.runs.values():
            side = {self.treated: "treated", self.twin: "twin"}.get(run.deployment.name)
            if side and run.state_name == self.state:
                self.at_risk[run.id] = Was(run, side, _identity(run), self._executed(run.id))
        self._executed_before = {run.id: self._executed(run.id) for run in self._mine()}
        self._states_before = {run.id: len(run.states) for run in self._mine()}
        self._settings_before = self._settings()
        own = (self.treated, self.twin)
        others = [run for run in self.prefect.runs.values() if run.deployment.name not in own]
        self._others = {run.id: (run, _as_a_bystander(run)) for run in others}

    def door_is_shut(self, others: Mapping[str, Truth]) -> None:
        """See what of the others' runs is gone since it opened; they are told (trials by the treated deployment)."""
        self._shut_at = self.prefect.clock.now()
        self._seen = self._broken_now()
        self.taken = {run_id for run_id in self._others if run_id not in self.prefect.runs}
        there = {run_id: was for run_id, was in self._others.items() if run_id not in self.taken}
        self.altered = {
            run_id
            for run_id, (run, was) in there.items()
            if self.prefect.runs[run_id] is not run or _as_a_bystander(run) != was
        }
        for run_id in self.taken:
            if victim := others.get(self._others[run_id][0].deployment.name):
                victim.taken_by_others.add(run_id)

    def gone(self, side: str) -> set[str]:
        """The runs at risk of a side that are gone, but for what another trial's door took."""
        mine = {run_id for run_id, was in self.at_risk.items() if was.side == side}
        return {run_id for run_id in mine if run_id not in self.prefect.runs} - self.taken_by_others

    def survived(self, minimum: int) -> bool:
        """Whether enough treated runs were at risk, and each is there as it was, ran once as it was, and completed."""
        treated = [was for was in self.at_risk.values() if was.side == "treated"]
        return len(treated) >= minimum and all(map(self._is_whole, treated)) and not self.taken and not self.altered

    def lost(self) -> bool:
        """Whether a treated run at risk is gone and never ran, or one of another trial, and none of the twin's is."""
        never_ran = {
            run_id for run_id in self.gone("treated") if self._executed(run_id) == self.at_risk[run_id].executed
        }
        return bool(never_ran or self.taken) and not self.gone("twin")

    def broken(self) -> set[str]:
        """The promises that the treated deployment or a run of it broke, by now or as the door was shut."""
        return self._seen | self._broken_now()

    def _broken_now(self) -> set[str]:
        mine, there = self._mine(), self._deployment()
        shut = self._shut_at or self.prefect.clock.now()
        found = {
            "once": any(map(self._ran_too_often, mine)),
            "orphans": any(not run.deployment.id for run in mine),
            "parameters": any(run.parameters != run.deployment.parameters for run in mine),
            "limit": self._beyond_the_limit(),
            "settings": self._settings() != self._settings_before,
            "unwanted": there is not None
            and not there.schedules_runs
            and any(run.auto_scheduled and run.expected > shut for run in mine),
        }
        return {name for name, is_so in found.items() if is_so}

    def _mine(self) -> list[Run]:
        return [run for run in self.prefect.runs.values() if run.deployment.name == self.treated]

    def _deployment(self) -> Deployment | None:
        return next((one for one in self.prefect.deployments.values() if one.name == self.treated), None)

    def _settings(self) -> tuple[Any, ...]:
        """What no door of a world may change."""
        of = self._deployment()
        return () if of is None else (of.concurrency_limit, dict(of.parameters), of.pool, of.rrule, of.active)

    def _ran_too_often(self, run: Run) -> bool:
        since = self._executed(run.id) - self._executed_before.get(run.id, 0)
        states = run.states[self._states_before.get(run.id, 0) :]
        return since > 1 + sum(state["name"] == "AwaitingRetry" for state in states)

    def _beyond_the_limit(self) -> bool:
        there = self._deployment()
        if there is None or not there.concurrency_limit:
            return False
        ids = {run.id for run in self._mine()} | set(self._executed_before)
        ended = {
            (mark["run"], mark["began"]): (_instant(mark["began"]), _instant(mark["ended"]))
            for _, mark in self.prefect.executions
            if mark["run"] in ids and "ended" in mark
        }
        return any(
            sum(which != own and one <= began < end for which, (one, end) in ended.items()) >= there.concurrency_limit
            for own, (began, _) in ended.items()
        )

    def _is_whole(self, was: Was) -> bool:
        there = self.prefect.runs.get(was.run.id)
        received = [mark["parameters"] for mark in self._marks(was.run.id)][was.executed :]
        as_listed = {"note": "", **was.identity[-1]}
        return (
            there is was.run  # and not another that was given its id
            and _identity(there) == was.identity
            and received == [as_listed]
            and "COMPLETED" in [state["type"] for state in there.states]
        )

    def _executed(self, run_id: str) -> int:
        return len(self._marks(run_id))

    def _marks(self, run_id: str) -> list[dict[str, Any]]:
        return [mark for _, mark in self.prefect.executions if mark["run"] == run_id and "ended" not in mark]


def _instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def _as_a_bystander(run: Run) -> tuple[Any, ...]:
    return (*_identity(run), run.state_type == "CANCELLED")


def _identity(run: Run) -> tuple[Any, ...]:
    return (
        run.name, run.flow, run.deployment.id, run.work_pool_name, run.work_queue_name, run.expected, list(run.tags),
        dict(run.job_variables), run.idempotency_key, dict(run.parameters),
    )  # fmt: skip
