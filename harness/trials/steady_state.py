"""The steady state of a staging: before anything is hurt, server, scheduler and workers do what they are for."""

from __future__ import annotations

from typing import Any

from harness.lab.facts import run_facts
from harness.trials.staging import PROBE, Staging
from harness.words.errors import DeadlineError, LabError, SteadyStateError
from harness.words.waiting import NotYet, wait_until


def steady_state(staging: Staging) -> None:
    """A run of an unscheduled probe deployment in the work pool completes, and the scheduler makes a run of another.

    All of it before anything is hurt, and soon: where the server or the worker does nothing, nothing can be said.
    Raises: SteadyStateError where one does not come in time, with the log of what did nothing; LabError for a wrong
    version, and where the run left no mark of its execution.
    """
    lab, scenario = staging.lab, staging.scenario
    staging.take_turn()
    lab.try_scheduler()
    run_id = lab.api.create_flow_run(_make_probe(staging))["id"]

    def completed() -> dict[str, Any]:
        lab.check_server_alive()
        (run,) = lab.api.flow_runs(ids=[run_id]) or [{}]
        if run.get("state_type") != "COMPLETED":
            raise NotYet(f"the probe run is {run.get('state_name')}")
        return dict(run)

    try:
        run = wait_until(
            "a completed probe run",
            completed,
            seconds=lab.patience(lab.deadlines.steady_state, 20),
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        log = lab.workers(scenario)[0].log()[-4000:]
        raise SteadyStateError(f"the steady state never came: {error.reason}", source="worker", log=log) from error
    if run_id not in [mark["run"] for mark in staging.executions() if mark["ended"]]:
        raise LabError("the probe run completed, and its flow left no mark of its execution", source="worker")
    staging.record("version", role="worker", said=lab.check_worker_version(scenario))
    lab.check_scheduler()
    if not scenario.served_by:
        lab.learn_job_template(scenario.name)
    staging.record("steady-state", pool=None if scenario.served_by else scenario.name, run=run_facts(run))


def _make_probe(staging: Staging) -> str:
    """The id of an unscheduled deployment that the scenario's worker, or a process of its own, serves."""
    lab, scenario = staging.lab, staging.scenario
    name = f"{scenario.name}--{PROBE}"
    if scenario.served_by:
        staging.serve(name, FLOW=PROBE)
        return str(staging.wait_until_served(name, f"{scenario.flows}-{PROBE}")["id"])
    # All of it before the worker starts, so that neither refuses the other a write.
    lab.create_work_pool(scenario.name)
    probe = lab.api.create_deployment(
        f"{scenario.flows}-{PROBE}",
        name,
        work_pool=scenario.name,
        entrypoint=f"flow.py:{PROBE}",
        folder=lab.site.scenario_folder(scenario.name),
    )
    staging.start_worker()
    staging.write_deployments(lab.worker(scenario), [staging.twin_name])
    return probe
