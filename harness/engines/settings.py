"""The Prefect settings a lab runs with: what makes the fault happen in seconds, and nothing that changes what it is.

The names are the older ones, which every release from 2.20 to 3.9 reads; a release that does not know one ignores it.
Times are in the form that all of them take (3.0.9 to 3.3.4 refuse a bare number for the first).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from packaging.version import InvalidVersion, Version

# The recent-deployments scheduler makes the runs of what was just deployed (`scheduler_pass`); this one comes to all
# deployments, again and again to those whose finite schedule is exhausted. On 3.3.3 and 3.3.4 it takes 60 s whatever is
# set here (measured on 3.3.3).
SCHEDULER_LOOP_SECONDS = 5
RECENT_DEPLOYMENTS_LOOP_SECONDS = 1
# A run that found no slot is due again after so long (default 30). Its worker asks for it as far ahead as it prefetches
# (3 s, scenarios/concurrency-limit), and a run that is given its slot early holds it until it is due: with 8 s here and
# 5 s there, 3 to 4 s of each turn. Each asking writes, and a worker that is refused a write too often (503) gives its
# run up as Crashed. Default runs of three labs at once on two cores, drain and refused writes of all three:
# 8 and 5 s: 17 to 21 s, 17 to 18 (two runs). 5 and 3 s: 11 to 14 s, 18 to 25 (three). 4 and 2 s: 8 to 25 s, 14 to 28
# (eleven), and once 27 s more until the slot was held.
SLOT_WAIT_SECONDS = 5

OF_THE_SERVER = {
    "PREFECT_API_SERVICES_LATE_RUNS_AFTER_SECONDS": "00:00:01",
    "PREFECT_API_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": str(SCHEDULER_LOOP_SECONDS),
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": str(RECENT_DEPLOYMENTS_LOOP_SECONDS),
    "PREFECT_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": str(SLOT_WAIT_SECONDS),
    # Events and automations are no part of any scenario, and on SQLite they can stop the server: a trigger's evaluation
    # holds the write lock while it waits for it in another session, until the busy timeout of 60 s (measured, 3.3.4).
    "PREFECT_API_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_API_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_API_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "INFO",
}
# What every release reads only once its server runs (services/scheduler.py and models/deployments.py, read of 2.20.20,
# 3.0.9, 3.3.3, 3.6.26 and 3.9.1): a forked server takes what its own environment says of these.
READ_AT_ITS_START = frozenset(
    {"PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME", "PREFECT_API_SERVICES_SCHEDULER_MAX_RUNS"}
)
WORKER = {
    # Each query writes. With 1 s here and 1 s between two passes of the scheduler, deploys were refused writes (503),
    # and took 4 to 7 s instead of 1.5 (3.3.4, forked, two labs at once: 15 refused writes).
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_WORKER_PREFETCH_SECONDS": "1",
    # A worker notices the end of a flow run at its runner's next look (default 10 s), and keeps its slot until then.
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    # The process worker of 3.2.8 runs five flow runs at a time, whatever its --limit, and calls the others Crashed
    # ("Failed to start flow run process"): its runner takes `limit=None` for this setting's default of 5 (read there).
    "PREFECT_RUNNER_PROCESS_LIMIT": "100",
    # Logs of flow runs go to the worker's own output, which is saved; over the API they are only more writes.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
EVERYWHERE = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A command that lost its API URL must fail, never start a server of its own and deploy to that.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    # A proxy that the Docker client's settings put into every container, or the system's own, is not for a lab.
    "NO_PROXY": "*",
    "no_proxy": "*",
    "NO_COLOR": "1",
    "COLUMNS": "200",
    "PYTHONUNBUFFERED": "1",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}


def as_setting(length: timedelta) -> str:
    """A length of time as a setting's value, in whole minutes.

    Every release from 2.20 to 3.9 reads this form (ISO 8601). From 3.0 on none reads `1.06:30:00` or `1 06:30:00`: a
    server that is given one does not start.
    """
    minutes = round(length.total_seconds() / 60)
    return f"PT{minutes // 60}H{minutes % 60}M"


def scheduler_pass(version: str) -> float:
    """The longest that a new deployment waits for its runs, in seconds: the loop of the recent-deployments scheduler.

    Read in Prefect's server/services/scheduler.py: it is fixed to 5 s up to 3.3.3, and a setting from 3.3.4 on.
    """
    with suppress(InvalidVersion):
        if Version(version) >= Version("3.3.4"):
            return float(RECENT_DEPLOYMENTS_LOOP_SECONDS)
    return 5.0


def node_environment(api_url: str) -> dict[str, str]:
    """What every node of a lab is given, the server included: settings and an explicit API URL."""
    return {**EVERYWHERE, **OF_THE_SERVER, **WORKER, "PREFECT_API_URL": api_url}
