"""Of a backlog of hundreds, the drain has the first runs of each side executed, and leaves the others where they are.

Each execution costs a quarter to a whole second of processor time, most of it the server's. Whether a run is still
there, as it was, is looked up for every one; whether it runs, for these.
"""

from __future__ import annotations

from typing import Any

from harness.history import moment
from harness.trials.staging import Staging
from harness.trials.tally import unfinished
from harness.words.errors import NoAnswerError
from harness.words.names import ENDED, HOLDS_A_SLOT
from harness.words.waiting import NotYet


def sample_of(staging: Staging) -> int:
    """How many runs of each side the drain waits for; 0: for all."""
    return min((staging.scenario.sample_through(trial.door) for trial in staging.trials), default=0)


class Sample:
    """The runs that the drain waits for, by ids; asked for once the fault is lifted."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._number = sample_of(staging)
        self.ended = f"the first {self._number} runs of each side have ended"
        self._chosen: list[str] | None = None
        self._paused = False

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the sample, as they are now; once all have ended, with what was begun beside them and goes on.

        Raises: NotYet where the server does not answer; LabError where it does not live.
        """
        staging = self._staging
        staging.lab.check_server_alive()
        try:
            if self._chosen is None:
                self._chosen = _choose(staging, self._number)
            found = staging.lab.api.flow_runs(ids=self._chosen)
            if all(run["state_type"] in ENDED for run in found):
                self._pause()
                if unfinished(staging)[1]:
                    found += [run for run in staging.runs_if_answered() if run["state_type"] in HOLDS_A_SLOT]
        except NoAnswerError as error:
            raise NotYet(error.reason) from error
        return found

    def _pause(self) -> None:
        """Have the workers take no more: what is looked up next must not change meanwhile."""
        for pool in () if self._paused else self._staging.pools:
            self._staging.record("act", what=f"pause the work pool {pool}: the sample has been executed")
            self._staging.lab.api.call("PATCH", f"/work_pools/{pool}", {"is_paused": True})
        self._paused = True


def _choose(staging: Staging, number: int) -> list[str]:
    """The ids of the first runs at risk of each side that are still there, by when they were due first."""
    at_risk = dict.fromkeys(run for trial in staging.trials for runs in trial.at_risk.values() for run in runs)
    there = sorted(staging.lab.api.flow_runs(ids=at_risk), key=_due)
    chosen: dict[str, list[str]] = {}
    for run in there:
        chosen.setdefault(run["deployment_id"], []).append(run["id"])
    return [run for runs in chosen.values() for run in runs[:number]]


def _due(run: dict[str, Any]) -> tuple[Any, str]:
    return moment(run["expected_start_time"]), run["id"]
