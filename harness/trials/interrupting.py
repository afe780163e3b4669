"""The server of a lab, or its database, is interrupted for some seconds; what the API answered before is read back.

A run that is being started as the server goes down may be lost to it by design (its process cannot ask for it). So the
interruption waits until nothing is under way, and holds the workers frozen until it has begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from harness.chaos.plans import DATABASE_STOPPED, SERVER_FROZEN, SERVER_KILLED, Interrupt
from harness.history import moment
from harness.lab.facts import deployment_facts, run_facts
from harness.lab.restarts import await_its_clock, await_server
from harness.trials.moving import check_at_rest
from harness.trials.parts import NodePart
from harness.trials.staging import Staging
from harness.words.errors import LabError
from harness.words.waiting import NotYet

_GRACE = 20.0  # seconds between SIGINT and SIGKILL
_STILL = 0.5  # seconds between two looks that find nothing under way
_DUE_IN = timedelta(seconds=1)
_SOON = timedelta(minutes=1)  # what is due until then is read


def interrupt(staging: Staging, step: Interrupt, workers: Sequence[NodePart]) -> None:
    """Interrupt the server or its database, and wait until the server is ready again; `workers` are those that live.

    Raises: LabError where it is not, with `came-back` in the history.
    """
    lab, fault = staging.lab, step.fault
    part = _part(staging, fault)
    hold(staging, fault, workers, _coming)
    try:
        before = _read(staging)
        created = [_create(staging, one) for one in staging.deployed.values()]  # the last that it accepts
        staging.record("read-back", when="before", fault=fault, created=created, **before)
        if fault == SERVER_KILLED:
            part.kill()
        elif fault == SERVER_FROZEN:
            part.freeze()
        else:
            part.stop(_GRACE)
    finally:
        for worker in workers:
            worker.thaw()
    lab.clock.sleep(step.seconds)
    _await_it(staging, fault, part)
    if workers and (log := lab.restart_workers_that_ended(staging.scenario)):
        text = f"the worker ended by itself while the {_of(fault)} was interrupted, and was started again"
        staging.record("worker-restarted", text=text, log=log)
    staging.record("read-back", when="after", fault=fault, **_read_back(staging, before, created))


def hold(
    staging: Staging, what: str, workers: Sequence[NodePart], also: Callable[[Staging], None] = lambda _: None
) -> None:
    """Freeze these workers while nothing is under way, and `also` holds; they stay so.

    A worker may take a run between a look and the next deed, so it is looked again once they are frozen.
    """
    lab = staging.lab

    def held() -> None:
        check_at_rest(staging)  # rule: plan-hurts-at-rest
        also(staging)
        for worker in workers:
            worker.freeze()
        try:
            lab.clock.sleep(_STILL if workers else 0)
            check_at_rest(staging)  # rule: plan-held-at-rest
        except NotYet:
            for worker in workers:
                worker.thaw()
            raise

    seconds = lab.patience(lab.deadlines.backlog, 20)
    lab.wait_until(f"no run under way before {what}", held, seconds=seconds, every=lab.deadlines.poll)


def _coming(staging: Staging) -> None:
    """Raises: NotYet while a deployment has no run that is due later: an update may have deleted them a moment ago."""
    runs = staging.runs_if_answered(all_of_them=True)
    now = staging.lab.clock.now()
    ahead = {run["deployment_id"] for run in runs if moment(run["expected_start_time"]) > now}
    # rule: plan-interrupts-with-runs-to-come
    if lacking := set(staging.deployed.values()) - ahead:
        raise NotYet(f"{len(lacking)} deployments have no run that is due later")


def _of(fault: str) -> str:
    return "database" if fault == DATABASE_STOPPED else "server"


def _part(staging: Staging, fault: str) -> NodePart:
    lab, record = staging.lab, staging.record
    if fault == DATABASE_STOPPED:
        return NodePart(lab.site.database(), "database", record)
    started, thawed = partial(await_server, lab), partial(await_its_clock, lab)
    return NodePart(lab.server, "server", record, _started=started, _thawed=thawed)


def _await_it(staging: Staging, fault: str, part: NodePart) -> None:
    """End the interruption, and record whether the server is ready again within its time."""
    lab, within = staging.lab, staging.lab.deadlines.health
    began = lab.clock.monotonic()
    facts: dict[str, Any] = {"of": _of(fault), "fault": fault, "within": within}
    try:
        part.thaw() if fault == SERVER_FROZEN else part.start()
        lab.wait_until("an answer about a deployment", partial(_answers, staging), seconds=within, source="server")
    except LabError as error:
        seconds = round(lab.clock.monotonic() - began, 1)
        staging.record("came-back", **facts, ready=False, seconds=seconds, reason=error.reason)
        raise
    staging.record("came-back", **facts, ready=True, seconds=round(lab.clock.monotonic() - began, 1))


def _answers(staging: Staging) -> None:
    """Raises: NotYet while the server does not answer for the twin; LabError where it has ended."""
    staging.lab.healthy()
    status, body = staging.lab.api.answer(f"/deployments/{staging.deployed[staging.twin_name]}")
    if status is None or status >= 500:
        raise NotYet(f"a deployment is answered with {status}: {str(body)[:200]}")


def _create(staging: Staging, deployment_id: str) -> str:
    """The id of a run of a deployment that is created; a run that is due soon is listed then, and one more is not."""
    return str(staging.lab.api.create_flow_run(deployment_id, staging.lab.clock.now() + _DUE_IN)["id"])


def _read(staging: Staging) -> dict[str, Any]:
    api = staging.lab.api
    deployments = [deployment_facts(api.read_deployment(one)) for one in staging.deployed.values()]
    runs = api.flow_runs(deployments=staging.deployed.values(), until=staging.lab.clock.now() + _SOON)
    return {"deployments": deployments, "runs": [run_facts(run) for run in runs]}


def _read_back(staging: Staging, before: dict[str, Any], created: Sequence[str]) -> dict[str, Any]:
    """What the API says now, and of each run that it named before what it takes to tell whether that is still so."""
    api, now = staging.lab.api, _read(staging)
    there = {run["run"]: run for run in now["runs"]}
    answers: list[dict[str, Any]] = []
    states: dict[str, list[str]] = {}
    listed = {run["run"]: run["state_id"] for run in before["runs"]}
    for run in dict.fromkeys([*listed, *created]):
        if run not in there:
            for _ in range(2):
                status, body = api.flow_run(run)
                found = run_facts(body) if status == 200 else {"body": body}
                answers.append({"run": run, "status": status, **found})
        if run in listed and (run not in there or there[run]["state_id"] != listed[run]):
            states[run] = [str(state["id"]) for state in api.states(run)]
    return {**now, "answers": answers, "states": states}
