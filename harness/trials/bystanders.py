"""What a door takes from the trials of the lab that it is not opened on, in its own history and in theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.lab.facts import run_facts
from harness.trials.looks import look_up
from harness.trials.trial import TREATED, TWIN, Trial
from harness.words.proof import NOTHING


class Bystanders:
    """The runs of the lab's other trials, as they are just before a door is opened.

    watched  the deployments whose runs only their own door may delete: the trials of each, by its id
    known    the trial of each run that was listed before its own door, by the run's id
    there    the runs of both that are listed, by their ids
    hidden   the look-ups of runs that the server has by their id, and lists nowhere
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.watched = _watched(trial)
        self.known: dict[str, list[Trial]] = {}
        for one in (victim for victims in self.watched.values() for victim in victims):
            for run_id, side in one.staged.items():
                if side == TREATED:
                    self.known.setdefault(run_id, []).append(one)
        self.there = self._runs(self.known)
        looked_up = [look_up(trial, "bystander", run_id) for run_id in self.known.keys() - self.there.keys()]
        self.hidden = [answer for answer in looked_up if answer["status"] == 200]

    def _runs(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The runs of the deployments watched, and those with these ids, whatever deployment they have by now."""
        api = self.trial.lab.api
        found = [api.flow_runs(deployments=self.watched), api.flow_runs(ids=ids)]
        return {run["id"]: run for runs in found for run in runs}

    def record_taken(self) -> None:
        """Record which of their runs are not listed any more, and which have changed.

        A run that is not listed is looked up by its id, twice. A run with another state is recorded with all of its
        states. A run of the twin is looked up before and after them, as the control. `opened` says whether the run's
        own door was opened before: that may be the reason.
        """
        trial = self.trial
        listed = self._runs(self.there)
        unlisted = self.there.keys() - listed.keys()
        twin = next((run_id for run_id, side in trial.staged.items() if side == TWIN), None)
        control = [look_up(trial, TWIN, twin)] if unlisted and twin else []
        looked_up = {run_id: [look_up(trial, "bystander", run_id) for _ in range(2)] for run_id in unlisted}
        control += [look_up(trial, TWIN, twin)] if unlisted and twin else []
        by = {"door": trial.door.name, "scenario": trial.staging.scenario.name}
        found, changed = [], []
        for run_id, run in self.there.items():
            victims = self.watched.get(run["deployment_id"]) or self.known[run_id]
            opened = trial.door.proof.by == NOTHING or any(victim.opened for victim in victims)
            was, now = run_facts(run), run_facts(listed.get(run_id, run))
            if run_id in unlisted:
                answers = looked_up[run_id]
                found.append({**was, "answers": answers, "opened": opened})
                for victim in victims:
                    victim.history.add("unlisted", run=run_id, answers=answers, **by)
            elif was != now:
                moved = was["state_id"] != now["state_id"]
                states = [state["id"] for state in trial.lab.api.states(run_id)] if moved else None
                changed.append({"was": was, "now": now, "states": states, "opened": opened})
                for victim in victims:
                    victim.history.add("changed", run=run_id, was=was, now=now, states=states, **by)
        trial.history.add(
            "bystanders", watched=len(self.there), unlisted=found, changed=changed, control=control, hidden=self.hidden
        )


def _watched(trial: Trial) -> dict[str, list[Trial]]:
    watched: dict[str, list[Trial]] = {}
    for shared in trial.staging.together:  # rule: bystanders-all-scenarios
        if not shared.deletes_nothing:
            continue
        # Of a plan's steps several are on one deployment.  # rule: bystanders-not-its-own
        others = [one for one in list(shared.trials) if one.treated["id"] != trial.treated["id"]]
        for one in others:
            watched.setdefault(one.treated["id"], []).append(one)
        if shared is not trial.staging:  # whose twin it looks at anyway
            watched[shared.twin["id"]] = others
    return watched
