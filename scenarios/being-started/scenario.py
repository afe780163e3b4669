"""A run's process waits before its flow begins, and holds the only slot of its deployment: it is Pending."""

from dataclasses import replace

from harness.trials.backlog import create_runs, deploy_unscheduled
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    deploy_unscheduled(staging)
    create_runs(staging, ahead=1)


_in_memory = Scenario(
    summary="A person starts runs of a deployment with a limit of 1; one is being started, the others wait.",
    state="PENDING",  # the type: its name is Submitting on 3.9.1
    ticks=3,  # one of them is being started
    interval=1,
    minimum=1,
    alone=True,
    waits_in_process=True,
    waits_at_start=True,
    doors=("prefect-deploy", "server-restart", "none"),
    backlog="being-started",
    fault="start-held",
    stage=stage,
    stage_text="A person starts three runs of each; the process of one waits before its flow begins.",
    applies=">=3.0.4",
    applies_reason="a deployment's concurrency limit is enforced from 3.0.4 on",
)

variants = {
    "": _in_memory,
    "kept": replace(
        _in_memory,
        summary="The same, on a server that keeps its leases in files.",
        by_name=True,
        doors=("server-restart", "none"),
        backlog="being-started-kept",
        server_settings={
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"
        },
        applies=">=3.4.11",
        applies_reason="a server leases the slots of a deployment from 3.4.11 on",
    ),
}
