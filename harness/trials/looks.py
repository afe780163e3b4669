"""What is read of a trial's runs and deployments: looked up by id, listed, and how each came to its state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from harness.history import looks_agree
from harness.lab.facts import deployment_facts, is_in, run_facts, state_facts
from harness.trials.trial import TREATED, TWIN, Trial
from harness.words.facts import Answer, FlowRun
from harness.words.names import AFTER, DRAINED, SIDES

_LOOKS, _BETWEEN_LOOKS = 3, 1.0  # how often one look is taken, and the seconds in between


def observe(trial: Trial) -> None:
    """Look every run up by its id and list them all, and read the state history of each that was at risk."""
    _look_and_list(trial, AFTER)
    _record_states(trial, AFTER)


def look_again(trial: Trial) -> None:
    """Look every run up once more after the drain, list all there is, and read how each came to its end."""
    listed = _look_and_list(trial, DRAINED)  # rule: looked-up-after-the-drain (gives [])
    for run in listed:
        _record_states_of(trial, DRAINED, run["id"], run["side"])
    for side in SIDES:
        trial.history.add("deployment", side=side, when="drained", deployment=read_deployment(trial, side))
    record_executions(trial, DRAINED, trial.staging.executions(), *(run["id"] for run in listed))


def _look_and_list(trial: Trial, when: str) -> list[dict[str, Any]]:
    """Look every run up and list them all, again where the two differ: a run may change in between. Returns the list.

    What differs each time is recorded, and no verdict (checkers/survival.py).
    """
    for number in range(_LOOKS):
        if number:
            trial.lab.clock.sleep(_BETWEEN_LOOKS)
        looked_up = _look(trial, when)
        runs = record_backlog(trial, when)
        if looks_agree(looked_up, {run["id"] for run in runs}):
            break
    trial.history.add("clock", when=when, **trial.lab.api.clock())
    return runs


def record_backlog(trial: Trial, when: str) -> list[dict[str, Any]]:
    """List every run of both deployments, by deployment and by id; the first says which are at risk. Returns the list.

    By id, since from 3.3.4 on a deleted deployment leaves runs behind, which then have none.
    """
    sides = {deployment["id"]: side for side, deployment in trial.deployments.items()}
    # Of a schedule that goes on, what is due now or in a minute: no tick may pass between this and the event.
    until = trial.lab.clock.now() + timedelta(minutes=1) if trial.staging.goes_on else None
    found = {run["id"]: run for run in trial.lab.api.flow_runs(deployments=sides, until=until)}
    listed = {"by_deployment": list(found)}
    known = trial.staged or {run_id: sides[run["deployment_id"]] for run_id, run in found.items()}
    by_id = trial.lab.api.flow_runs(ids=known)
    listed["by_id"] = [run["id"] for run in by_id]
    # rule: deleted-deployment-still-listed (gives [])
    by_id = [run for run in by_id if run["id"] not in found]
    found |= {run["id"]: run for run in by_id}
    flows = {deployment["flow_id"]: side for side, deployment in trial.deployments.items()}
    # What is made of a deployment after its deletion is in neither; each deployment has a flow of its own.
    by_flow = trial.lab.api.flow_runs(flows=flows) if trial.deleted else []  # rule: listed-by-flow (gives [])
    found = {**{run["id"]: run for run in by_flow}, **found}
    runs = [
        {**run, "side": known.get(run["id"]) or sides.get(run["deployment_id"]) or flows[run["flow_id"]]}
        for run in found.values()
    ]
    trial.staged = known
    trial.history.add("listing", when=when, runs=[FlowRun(**run_facts(run)) for run in runs], **listed)
    if not trial.at_risk:
        state = trial.staging.scenario.state
        trial.at_risk = {
            side: [run["id"] for run in runs if run["side"] == side and is_in(run, state)] for side in SIDES
        }
    return runs


def record_executions(trial: Trial, when: str, marks: Iterable[dict[str, Any]], *more: str) -> None:
    """What ran, by these marks, of the runs that were listed before the door, and of `more`."""
    known = {*trial.staged, *more}
    found = [execution for execution in marks if execution["run"] in known]
    trial.history.add("executions", when=when, executions=found)


def _look(trial: Trial, when: str) -> list[tuple[str, int | None]]:
    """Look every run up by its id, the twin's before and after the treated ones'; what is not a 200 is asked for twice.

    The twin's 200s show that the server answers for runs at all, and still does. Returns each run's id and the status.
    """
    answers = []  # records take a fifth of the memory that plain values do
    for side in (TWIN, TREATED, TWIN):
        for run_id in [run_id for run_id, of in trial.staged.items() if of == side]:
            answers.append(Answer(**look_up(trial, side, run_id)))
            if answers[-1].status != 200:  # rule: lost-asked-twice
                answers.append(Answer(**look_up(trial, side, run_id)))
    trial.history.add("look", when=when, answers=answers)
    return [(one.run, one.status) for one in answers]


def look_up(trial: Trial, side: str, run_id: str) -> dict[str, Any]:
    status, body = trial.lab.api.flow_run(run_id)
    answer: dict[str, Any] = {"run": run_id, "side": side, "status": status}
    if status == 200 and isinstance(body, dict):
        return {**answer, **run_facts({**body, "side": side})}
    return {**answer, "body": body}


def _record_states(trial: Trial, when: str) -> None:
    for side in SIDES:
        for run_id in trial.at_risk.get(side, ()):
            _record_states_of(trial, when, run_id, side)


def _record_states_of(trial: Trial, when: str, run_id: str, side: str) -> None:
    states = [state_facts(state) for state in trial.lab.api.states(run_id)]
    trial.history.add("states", when=when, run=run_id, side=side, states=states)


def read_deployment(trial: Trial, side: str) -> dict[str, Any]:
    found = trial.lab.api.read_deployment(trial.deployments[side]["id"])
    if trial.door.own_pool and (pool := found.get("work_pool_name")):
        found = {**found, **trial.lab.api.pool_and_queue(pool, found.get("work_queue_name") or "")}
    return deployment_facts(found)
