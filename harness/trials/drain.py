"""The drain of a staging: the fault is lifted, and every run that was kept has to happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from harness.history import moment
from harness.trials.sample import Sample, sample_of
from harness.trials.staging import Staging
from harness.trials.system import StagedSystem
from harness.trials.tally import unfinished
from harness.words.names import ENDED, HOLDS_A_SLOT, WAITS
from harness.words.waiting import NotYet

_WORKER_RESTARTS = 5
_STANDS_STILL = 10.0  # seconds between two answers that are no sign of a worker that leaves runs alone


def drain(staging: Staging) -> None:
    """Lift the fault, and wait until every run that is there has ended.

    Of an endless schedule, that is every run that was due as the fault was lifted: others come as long as it lives.

    The time limit starts again whenever a run of the staging changes state. A hard cap ends the drain in any case. A
    worker that ends by itself is started again. So is a worker that lives and leaves overdue runs alone, if runs of the
    twin are among them (up to 3.0 a worker asks only once for a run that found no slot). If a run may have ended with
    such a worker, the trial has no verdict (verdict/outcomes.py).
    """
    with staging.lab.door:
        # What serves a deployment deploys it as it starts again, and that may delete runs of it.
        staging.deletes_nothing = not staging.scenario.served_by
        staging.scenario.cause.lift(StagedSystem(staging))  # rule: fault-is-lifted
    staging.record("lifted", fault=staging.scenario.fault, what=staging.scenario.cause.lifted)
    if staging.goes_on and staging.last_tick:  # what came due since is at risk, too, or was made after the door
        staging.last_tick = max(staging.lab.clock.now(), staging.last_tick)  # rule: drain-of-what-came-due (skip)
    deadlines, drained = staging.lab.deadlines, _Drain(staging)
    ended = staging.lab.wait_until("the drain", drained.settled, seconds=deadlines.drain_cap + 60, every=deadlines.poll)
    staging.record("drained", ended=ended, holding=drained.holding, restarts=drained.restarts, sampled=drained.sampled)


class _Drain:
    """What the drain of a staging has seen so far."""

    def __init__(self, staging: Staging) -> None:
        self.staging, self.lab, self.deadlines = staging, staging.lab, staging.lab.deadlines
        self.holding = 0  # runs that held a slot at the last look
        self.restarts = 0  # of a living worker
        self.sampled = False  # it ended as the sample had
        self._patience = max(self.deadlines.left_alone, 3 * self.lab.start_seconds * self.lab.share)
        self._idle = max(self.deadlines.drain_idle, 2 * self._patience) + staging.quiet_seconds
        self._started = self._moved = self._quiet_since = self._answered = self.lab.clock.now()
        self._names: dict[str, str] = {}
        self._left = (0, 0)
        self._deaths = 0
        self._taken: set[str] = set()
        self._sample = Sample(staging) if sample_of(staging) else None

    def settled(self) -> str:
        """How the drain ended. Raises: NotYet; LabError where the server does not live."""
        if self._sample or self.staging.goes_on:
            self._check_counts()
        runs = self._sample.runs() if self._sample else self.staging.runs_if_answered()
        # One with a limit of its own ends where the server refuses it a write (503) while it submits a run (3.3.4).
        # rule: drain-restarts-dead-worker
        if self._deaths < _WORKER_RESTARTS and (log := self.lab.restart_workers_that_ended(self.staging.scenario)):
            self._deaths += 1
            text = "the worker had ended by itself, and was started again"
            self.staging.record("worker-restarted", text=text, log=log)
        now = self.lab.clock.now()
        # A run that only asks for its slot again and again gets a new state each time, and has not moved.
        names = {run["id"]: run["state_name"] for run in runs}
        if names != self._names:
            self._moved, self._names = now, names  # rule: drain-waits-anew
        # rule: drain-silence-is-no-sign (without last)
        if self._moved == now or (now - self._answered).total_seconds() > _STANDS_STILL:
            self._quiet_since = now
        self._answered = now
        everything = self._everything(runs, now)
        holders = _holders(everything)
        holders -= self.staging.ended_with_process  # rule: drain-the-dead-hold-nothing
        self.holding = len(holders)
        if runs and all(run["state_type"] in ENDED for run in runs):
            self.sampled = self._sample is not None
            return self._sample.ended if self._sample else "every run that is there has ended"
        if not runs:
            return "no run is there"
        if self._sample is None and self._none_is_due(runs, now):  # rule: drain-not-for-later
            return "every other run that is there has ended, and what is left is due later than is waited for"
        if (now - self._moved).total_seconds() > (idle := self._idle_seconds(everything)):
            return f"no run changed state within {idle:.0f} s"
        if (now - self._started).total_seconds() > self.deadlines.drain_cap:  # rule: drain-cap
            return f"the hard cap of {self.deadlines.drain_cap:.0f} s"
        quiet = now - self._quiet_since > timedelta(seconds=self._patience)
        if quiet and not holders - self._taken and self._leaves_runs_alone(everything, now):
            self._restart_worker()
            self._quiet_since = self.lab.clock.now()
        raise NotYet(", ".join(sorted(names.values())))

    def _check_counts(self) -> None:
        """Raises: NotYet while a backlog of hundreds goes down, or did so a moment ago; else all of it is listed.

        Of a sample there is a listing each time. What it leaves out is seen to move by these counts.
        """
        now, left = self.lab.clock.now(), unfinished(self.staging)
        if left != self._left:  # rule: drain-beside-the-sample-moves
            self._left, self._moved, self._quiet_since = left, now, now
        if self._sample is None and any(left) and (now - self._moved).total_seconds() < _STANDS_STILL:
            self._answered = now
            raise NotYet(f"{left[0]} runs wait, {left[1]} are under way")

    def _everything(self, runs: Sequence[dict[str, Any]], now: datetime) -> Sequence[dict[str, Any]]:
        """These runs; once nothing moves, all there are: another run may hold a slot, or be left alone."""
        stands_still = (now - self._moved).total_seconds() > self._patience
        capped = (now - self._started).total_seconds() > self.deadlines.drain_cap
        # rule: drain-looks-beside-the-sample (never)
        if self._sample and (stands_still or capped) and not all(run["state_type"] in ENDED for run in runs):
            return self.staging.runs_if_answered()
        return runs

    def _idle_seconds(self, runs: Sequence[dict[str, Any]]) -> float:
        """How long nothing may happen: a shorter time where all that is left is held back, as a door means it to be.

        Or is left behind by a process that was killed. A longer time where a run may go on late, after what a door did.
        """
        under_way = {run["id"]: run["deployment_id"] for run in runs if run["state_type"] not in ENDED}
        waited_for = set(under_way)
        waited_for -= self.staging.ended_with_process  # rule: drain-not-for-the-dead
        left = {under_way[run] for run in waited_for}
        doors = {trial.treated["id"]: trial.door for trial in self.staging.trials}
        if all(one in doors and doors[one].holds_back for one in left):  # rule: drain-held-back
            return self._patience + self.staging.quiet_seconds
        # rule: drain-settles (gives [])
        late = [doors[one].settles_after for one in left if one in doors]
        return max(self._idle, *late, 0.0)

    def _none_is_due(self, runs: Sequence[dict[str, Any]], now: datetime) -> bool:
        """Whether what has not ended waits for its first time, which comes later than the drain waits for a change.

        Such are the runs of a schedule that a door has added, which ticks once a week. When a run is to ask again is by
        the server's clock, which may be minutes ahead.
        """
        left = [run for run in runs if run["state_type"] not in ENDED]
        then = now + timedelta(seconds=self._idle_seconds(runs))
        # rule: drain-later-is-a-first-time (without first)
        return all(run["state_name"] == "Scheduled" and _due(run) > then for run in left)

    def _leaves_runs_alone(self, runs: Sequence[dict[str, Any]], now: datetime) -> bool:
        """Whether runs are overdue that a worker could have taken, and not by the door alone."""
        longest = timedelta(seconds=self._patience)
        # rule: drain-not-before-due (without last)
        overdue = {r["deployment_id"] for r in runs if r["state_type"] in WAITS and now - _due(r) > longest}
        # What the door did to the treated runs alone is no worker's doing, and stays as it is.
        # rule: drain-twin-shows-the-worker (gives True)
        its_way = self.restarts > 0 or self.staging.deployed[self.staging.twin_name] in overdue
        # rule: drain-restarts-idle-worker (gives False)
        return its_way and bool(overdue) and not self.staging.scenario.served_by

    def _restart_worker(self) -> None:
        """Kill the worker and start it again; what it had taken at the last moment is recorded."""
        self.restarts += 1
        why = f"no overdue run has moved for {self._patience:.0f} s"
        self.staging.record("act", what=f"kill the worker (SIGKILL) and start it again: {why}")
        workers = self.staging.workers()
        for worker in workers:
            worker.kill()
            worker.start()
        try:
            held = _holders(self.staging.runs_if_answered())
            taken = ", ".join(sorted(held - self._taken))
            self._taken |= held
        except NotYet as error:
            taken = f"what is not known ({error})"
        if taken:  # rule: drain-says-what-was-taken
            text = f"the worker was killed with {taken}, and was started again"
            log = "\n".join(worker.log()[-2000:] for worker in workers)
            self.staging.record("worker-restarted", text=text, log=log)


def _holders(runs: Iterable[dict[str, Any]]) -> set[str]:
    """The ids of the runs that hold a slot."""
    return {run["id"] for run in runs if run["state_type"] in HOLDS_A_SLOT}


def _due(run: dict[str, Any]) -> datetime:
    """When a run may start, as it is scheduled now."""
    return moment(run["next_scheduled_start_time"] or run["expected_start_time"])
