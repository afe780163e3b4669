"""The steady state of a staging: before anything is hurt, server, scheduler and workers do what they are for."""

from __future__ import annotations

from typing import Any

from harness.lab.facts import run_facts
from harness.lab.moving import read_clocks
from harness.trials.staging import PROBE, Staging
from harness.words.clock import MovableClock
from harness.words.errors import DeadlineError, LabError, SteadyStateError
from harness.words.waiting import NotYet


def steady_state(staging: Staging) -> None:
    """A run of an unscheduled probe deployment in each work pool completes, and the scheduler is asked for a run.

    The first comes before anything is hurt. If server or worker do nothing here, the trials of the staging have no
    verdict. The scheduler's run is waited for later (`scheduler_works`).
    Raises: SteadyStateError if a run does not come in time, with the log of the part that did nothing; LabError for a
    wrong version, and if a run left no mark of its execution.
    """
    lab, scenario = staging.lab, staging.scenario
    staging.take_turn()
    lab.scheduler.begin()
    pools = {lab.api.create_flow_run(probe)["id"]: pool for pool, probe in _make_probes(staging).items()}

    def completed() -> list[dict[str, Any]]:
        lab.check_server_alive()
        runs = {run["id"]: run for run in lab.api.flow_runs(ids=pools)}
        for run in (runs.get(run_id, {}) for run_id in pools):
            if run.get("state_type") != "COMPLETED":  # rule: steady-state-completed
                raise NotYet(f"the probe run is {run.get('state_name')}")
        return [runs[run_id] for run_id in pools]

    try:
        runs = staging.lab.wait_until(
            "a completed probe run",
            completed,
            seconds=lab.patience(lab.deadlines.steady_state, 20),
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        log = lab.workers(scenario)[0].log()[-4000:]
        raise SteadyStateError(f"the steady state never came: {error.reason}", source="worker", log=log) from error
    # rule: executed-probe-marks
    if not pools.keys() <= {mark["run"] for mark in staging.executions() if mark["ended"]}:
        raise LabError("the probe run completed, and its flow left no mark of its execution", source="worker")
    staging.record("version", role="worker", said=lab.check_worker_version(scenario))
    if isinstance(lab.clock, MovableClock):
        read_clocks(lab)  # the workers were not there when the clock was moved first
    if not scenario.served_by:
        lab.learn_job_template(scenario.name)
    for run in runs:  # rule: own-pool-steady-state (first alone)
        staging.record("steady-state", pool=pools[run["id"]] or None, run=run_facts(run))


def scheduler_works(staging: Staging) -> None:
    """The scheduler has made its run; else the trials of the staging have no verdict.

    Asked for while the workers were tried, and waited for once the backlog is deployed: the pass that makes this run
    makes those of the backlog, too, and up to 3.3.3 it comes every 5 s. No fault of a staging hurts the scheduler. A
    scenario with a stage of its own may move the clock, or be in need of runs at once: there it is waited for before.
    Raises: SteadyStateError, with the server's log.
    """
    lab = staging.lab
    lab.scheduler.end(lab.patience(lab.deadlines.scheduler, 5))


def _make_probes(staging: Staging) -> dict[str, str]:
    """The id of an unscheduled deployment in each work pool, by its name; of one that a process serves, by no name."""
    lab, scenario = staging.lab, staging.scenario
    if scenario.served_by:
        name = f"{scenario.name}--{PROBE}"
        staging.serve(name, FLOW=PROBE)
        return {"": str(staging.wait_until_served(name, f"{scenario.flows}-{PROBE}")["id"])}
    probes = {}
    # All of it before a worker starts, so that neither refuses the other a write.
    for pool in staging.pools:
        lab.create_work_pool(pool)
        probes[pool] = lab.api.create_deployment(
            f"{scenario.flows}-{PROBE}",
            f"{pool}--{PROBE}",
            work_pool=pool,
            entrypoint=f"flow.py:{PROBE}",
            folder=staging.folder(pool),
        )
    staging.start_workers()
    for pool, worker in zip(staging.pools, staging.workers(), strict=True):
        worker.write(staging.folder(pool), staging.files([staging.twin_name]))
    return probes
