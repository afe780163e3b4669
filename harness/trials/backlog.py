"""The backlog of a staging: the system is hurt, the runs are made, and as many as can be are at risk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from harness.history import moment
from harness.lab.facts import is_in, last_error, run_facts
from harness.trials.staging import Staging
from harness.trials.steady_state import scheduler_works
from harness.trials.system import StagedSystem
from harness.trials.tally import still_scheduled
from harness.trials.templates import WAITING
from harness.words.errors import DeadlineError, LabError
from harness.words.names import WAITS, WARP
from harness.words.waiting import NotYet

_STAGING_TRIES = 5
_SCHEDULER_TRIES = 3  # how often a deploy is done again whose runs the scheduler did not make in time
_REFUSED_WRITE = 2.0  # seconds that Prefect's client waits after a 503; a deploy meets one now and then on SQLite
_MORE_AHEAD = 3.0  # seconds that the first tick lies further ahead at each try, at the least


def stage(staging: Staging) -> None:
    """Hurt the system and make the backlog, for every treated deployment and the twin alike."""
    if staging.scenario.stage or staging.scenario.clock == WARP:  # what follows may move the clock past the run's time
        scheduler_works(staging)  # rule: schedules-nothing-before-its-own-stage
    fault = staging.scenario.cause
    if fault.hurts:
        fault.hurt(StagedSystem(staging))
        staging.record("fault", fault=fault.name, what=fault.name.replace("-", " "))
    (staging.scenario.stage or deploy_backlog)(staging)
    staging.turn.close()
    scheduler_works(staging)


def stay_ahead(staging: Staging, at_least: float = 15.0, starts: int = 4) -> float:
    """How many seconds ahead runs lie that are to be upcoming still when the last door was opened.

    The drain waits that long for them. `at_least`: seconds; `starts`: how many starts of a process pass meanwhile,
    beside one for each trial, on a machine as slow as this one.
    """
    ahead = max(at_least, staging.lab.start_seconds * (starts + len(staging.trials))) + staging.doors_take
    staging.quiet_seconds = ahead
    return ahead


def deploy_backlog(staging: Staging, later: float = 0.0) -> None:
    """Deploy the twin and every treated deployment with the scenario's schedules, and wait for the scheduler's runs.

    `later`: how many seconds further ahead than needed the first tick lies, of schedules that begin with it.

    The scheduler makes no runs for ticks that are past when it first sees a deployment. So the first tick lies as far
    ahead as a deploy (`Lab.deploy_seconds`) and a pass of the scheduler (`Lab.scheduler_pass`) take. If the deploy took
    longer, or if the scheduler had not made all runs by the first tick, the deploy is done again with a later first
    tick. The runs that an earlier try left are cancelled. Schedules that tick whenever they do need none of this.
    """
    if not staging.scenario.shapes.starts_at_first:
        _deploy_as_it_ticks(staging)
        return
    ahead = staging.lab.deploy_seconds(len(staging.names)) + _REFUSED_WRITE + staging.lab.scheduler_pass + 1 + later
    for number in range(_STAGING_TRIES):  # rule: staging-deploy-overran (first alone)
        if number:
            staging.take_turn()
        first = staging.lab.clock.now().replace(microsecond=0) + timedelta(seconds=round(ahead))
        staging.schedule(first)
        seconds = staging.deploy_all()
        staging.turn.close()
        staging.deployed = {name: staging.deployment(name)["id"] for name in staging.names}
        on_time = staging.lab.clock.now() + timedelta(seconds=staging.lab.scheduler_pass + later) < first
        late = f"the deploy took {seconds:.0f} s, past the first tick"
        if on_time:
            # rule: staging-lacks-runs (gives "")
            late = _lacks_runs(staging, until=first - timedelta(seconds=later))
        again = number + 1 < (_SCHEDULER_TRIES if on_time else _STAGING_TRIES)
        if late:
            staging.record("note", text=late + "; again" * again)
        if not late or not again:
            break
        took = (1 + number / 2) * seconds + staging.lab.scheduler_pass + 2 + later
        ahead = max(took, ahead + _MORE_AHEAD)
    if number:
        _cancel_earlier(staging, first)  # rule: staging-cancels-earlier-runs
    staging.read_deployments()


def _deploy_as_it_ticks(staging: Staging) -> None:
    """Deploy them with schedules whose ticks no staging can choose: the first that come are the backlog."""
    staging.schedule(staging.lab.clock.now())
    staging.deploy_all()
    staging.turn.close()
    staging.deployed = {name: staging.deployment(name)["id"] for name in staging.names}
    scheduler_works(staging)  # rule: schedules-nothing-before-its-ticks
    patience = timedelta(seconds=staging.lab.deadlines.backlog)
    if late := _lacks_runs(staging, until=staging.lab.clock.now() + patience):
        staging.record("note", text=late)
    staging.read_deployments()


def _lacks_runs(staging: Staging, until: datetime) -> str:
    """What a deployment still lacks by `until`; empty once the scheduler has made a run for every tick of each.

    The ticks of the harness's own rule are known. Of other schedules the first that have runs are taken, as many as the
    scenario needs: then `last_tick` is the last of these.
    """
    number, shapes = staging.scenario.ticks, staging.scenario.shapes
    ticks = set(staging.scenario.pinned_ticks(staging.first)) if shapes.is_pinned else set()
    begun = staging.first if shapes.starts_at_first else None  # earlier runs are those of an earlier try

    def all_made() -> None:
        made: dict[str, set[datetime]] = {deployment_id: set() for deployment_id in staging.deployed.values()}
        for run in staging.runs_if_answered(all_of_them=True):
            tick = moment(run["expected_start_time"])
            if run["auto_scheduled"] and (begun is None or tick >= begun):
                made[run["deployment_id"]].add(tick)
        for name, deployment_id in staging.deployed.items():
            left = len(ticks - made[deployment_id]) if ticks else number - len(made[deployment_id])
            if left > 0:
                raise NotYet(f"{name} had no run for {left} of {number} ticks")
        if not ticks:
            staging.last_tick = max(sorted(of_one)[number - 1] for of_one in made.values())

    try:
        seconds = (until - staging.lab.clock.now()).total_seconds()
        staging.lab.wait_until("the scheduler's runs", all_made, seconds=max(0.0, seconds), every=0.5)
    except DeadlineError as error:
        scheduler_works(staging)  # rule: schedules-nothing-before-again
        return error.reason
    return ""


def _cancel_earlier(staging: Staging, first: datetime) -> None:
    """Cancel what is scheduled for before the first tick. A run that holds a slot is left to hold it."""
    for run in staging.lab.api.flow_runs(deployments=staging.deployed.values()):
        if run["state_type"] in WAITS and moment(run["expected_start_time"]) < first:
            staging.record("act", what="cancel a run of an earlier try's schedule", run=run_facts(run))
            try:
                staging.lab.api.cancel_flow_run(run["id"], "Its schedule was replaced.")
            except LabError as error:  # then it is at risk beside the others
                staging.record("note", text=f"it was not cancelled: {error.reason}")


def deploy_unscheduled(staging: Staging) -> None:
    """Deploy the twin and every treated deployment, for a scenario whose deployments have no schedule."""
    staging.deploy_all()
    staging.read_deployments()


def create_runs(staging: Staging, ahead: float) -> None:
    """Schedule the scenario's number of runs of every deployment, as a person does, `ahead` seconds from now."""
    due = staging.lab.clock.now() + timedelta(seconds=ahead)
    staging.record("act", what=f"create {staging.scenario.ticks} runs of each deployment for {due:%H:%M:%S}")
    for deployment_id in staging.deployed.values():
        for _ in range(staging.scenario.ticks):
            staging.lab.api.create_flow_run(deployment_id, due)
    staging.last_tick = due


def _not_waiting(staging: Staging, runs: Sequence[dict[str, Any]]) -> list[str]:
    """The runs at risk whose process is to wait before its flow begins, and has not come to that; their ids."""
    if not staging.scenario.waits_at_start:
        return []
    there = {name for _, text in staging.read_beside_flow(WAITING) for name in text.split()}
    return [run["id"] for run in runs if is_in(run, staging.scenario.state) and run["id"] not in there]


def prove(staging: Staging) -> None:
    """Wait until the last staged tick is past and as many runs as can be are at risk on every side.

    What is found is recorded whether it is enough or not: that is the checker's to say.
    """
    lab, scenario = staging.lab, staging.scenario
    together = scenario.holders_together * len(staging.pools)  # each pool has a limit, and a worker, of its own
    if staging.last_tick is None:
        raise LabError("the scenario staged no backlog")
    # Upcoming runs are at risk as they are; others once their time is past.
    due = staging.lab.clock.now() if scenario.upcoming else staging.last_tick
    remaining = (due - staging.lab.clock.now()).total_seconds()
    # The scheduler makes no run for a tick that is past; what it was making then is there after one more pass.
    last_tick = due + timedelta(seconds=lab.scheduler_pass)
    asked = lab.ask_prefect_version()
    # Where a first try puts a run at risk, each has to begin, and takes as long for that as the server took to start.
    begin = lab.start_seconds * scenario.ticks * len(staging.deployed)

    def everything_at_risk() -> None:
        many = staging.goes_on or scenario.sample
        if many and scenario.state != "Scheduled" and (left := still_scheduled(staging)):
            raise NotYet(f"{left} are still Scheduled")
        runs = staging.runs_if_answered()
        staged = {name: [r for r in runs if r["deployment_id"] == id_] for name, id_ in staging.deployed.items()}
        counts = {name: sum(is_in(run, scenario.state) for run in found) for name, found in staged.items()}
        # Where one run holds the slot, the others are at risk: every staged run must be somewhere other than Scheduled.
        waiting = [run for run in runs if run["state_name"] in ("Scheduled", "Pending")]
        waiting = [run for run in waiting if not is_in(run, scenario.state)]
        made = [sum(run["state_type"] != "CANCELLED" for run in found) for found in staged.values()]
        if staging.lab.clock.now() <= (due if min(made) >= scenario.ticks else last_tick) or waiting:
            raise NotYet(f"at risk {counts} of {len(runs)} staged, {len(waiting)} still Scheduled or Pending")
        if min(counts.values()) < scenario.minimum:
            raise NotYet(f"at risk {counts}, of which {scenario.minimum} are needed")
        if behind := _not_waiting(staging, runs):
            raise NotYet(f"the process of run {behind[0]} has not come to where it waits")
        holding = {name: sum(run["state_type"] == "RUNNING" for run in found) for name, found in staged.items()}
        # rule: slot-is-held-at-the-door (without first)
        if min(holding.values()) < scenario.holders or sum(holding.values()) < together:
            raise NotYet(f"Running {holding}, not yet enough to hold what the others wait for")

    try:
        staging.lab.wait_until(
            f"{scenario.minimum} runs {scenario.state} a side",
            everything_at_risk,
            seconds=max(0.0, remaining)
            + max(lab.deadlines.backlog, begin),  # rule: slow-begin-is-waited-for (unwrapped)
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        staging.record("note", text=error.reason + last_error(lab.server.log()))
        # rule: waits-at-the-door
        if behind := _not_waiting(staging, staging.runs_if_answered()):
            raise LabError(f"the process of run {behind[0]} did not come to where it waits before its flow") from error
    try:
        staging.record("prefect-version", output=asked.result().output)
    except LabError as error:
        staging.record("note", text=f"`prefect version`: {error.reason}")
    staging.deletes_nothing = True
