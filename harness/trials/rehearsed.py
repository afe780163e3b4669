"""The scenario that rehearses one deployment of a person's project, by the record in its folder.

The folder has the record (harness/words/rehearsed.py), a flow.py of stubs, and prefect.yaml twice: as it was, and as it
is to be deployed. `harness/runs/rehearsal.py` writes it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from harness.engines.settings import as_setting
from harness.history import moment
from harness.trials.moving import pass_without_worker
from harness.trials.scenario import Scenario
from harness.words.names import WARP
from harness.words.proof import Effect
from harness.words.rehearsed import Rehearsed

DOOR = "deploy-new-file"
_WORKER_LIMIT = 4
_SAMPLE = 6  # of at most 24 runs a side


def scenario_of(folder: Path) -> Scenario:
    """The scenario that a folder's record declares. Raises: UsageError where it cannot be read."""
    record = Rehearsed.read(folder)
    hours = (moment(record.ends) - moment(record.begins)).total_seconds() / 3600
    return Scenario(
        summary=f"The worker of {record.key} is gone for {hours:g} h; then the new file is deployed.",
        state="Late",
        ticks=record.ticks,
        interval=1,
        minimum=record.least,
        backlog="overdue",
        fault="worker-killed",
        clock=WARP,
        stand_in=True,
        sample=0 if record.limited else _SAMPLE,
        worker_limit=_WORKER_LIMIT,
        doors=(DOOR,),
        is_rehearsed=True,
        asks=_asked(record),
        stage=lambda staging: pass_without_worker(
            staging, moment(record.begins), moment(record.ends), moment(record.last)
        ),
        stage_text=f"{record.key} is deployed from the old file at {record.begins}. Once all runs of that time are "
        f"there, the lab's clock is moved to {record.ends}.",
        server_settings={
            # A move of the clock makes only those runs late that are there before it.
            "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": as_setting(timedelta(hours=hours + 0.5)),
            "PREFECT_API_SERVICES_SCHEDULER_MAX_RUNS": str(record.ticks + 20),
        },
    )


def _asked(record: Rehearsed) -> list[Effect]:
    """What the new file is to change of the deployment."""
    asked = {field: Effect(field, "changes") for field in record.changes}
    if "schedules" in asked and not record.new:
        asked["schedules"] = Effect("schedules", "becomes", [])
    return list(asked.values())
