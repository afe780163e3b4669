"""A flow fails and waits a long delay for its second try: the runs are AwaitingRetry."""

from harness.trials.backlog import deploy_backlog
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    # Long enough for every run of every deployment to have started, and every door to have been opened, on a machine
    # as slow as this one. Beside two other labs on two cores, four doors: a first try began 9 s after its time,
    # and the delay of 15 s was over for some before the door was opened.
    trials = len(staging.trials)
    staging.quiet_seconds = max(12.0 + 4 * trials, staging.lab.start_seconds * (7 + 1.5 * trials)) + staging.doors_take
    staging.put_beside_flow("retry-delay", f"{staging.quiet_seconds:.0f}")
    deploy_backlog(staging)


scenario = Scenario(
    summary="A flow fails once and waits a long delay for its retry; runs await it.",
    state="AwaitingRetry",
    ticks=3,
    interval=1,
    minimum=3,
    alone=True,
    backlog="awaiting-retry",
    waits_in_process=True,
    fault="none",
    stage=stage,
    stage_text="Each run's first try fails, and it waits for its retry.",
)
