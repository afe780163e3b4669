"""A flow fails and waits a long delay for its second try: the runs are AwaitingRetry."""

from harness.history import moment
from harness.trials.backlog import deploy_backlog
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging
from harness.words.errors import DeadlineError
from harness.words.waiting import NotYet


def stage(staging: Staging) -> None:
    """All first tries fail together, once each has begun: the last one began 14 s after the first (3.9.1, busy)."""
    # Long enough for every door to have been opened, on a machine as slow as this one.
    trials, lab = len(staging.trials), staging.lab
    staging.quiet_seconds = max(12.0 + 4 * trials, lab.start_seconds * (7 + 1.5 * trials)) + staging.doors_take
    staging.put_beside_flow("retry-delay", f"{staging.quiet_seconds:.0f}")
    deploy_backlog(staging)

    def all_have_begun() -> None:
        runs = staging.runs_if_answered()  # those of an earlier try to deploy, too
        of_this_try = [run for run in runs if moment(run["expected_start_time"]) >= staging.first]
        begun = sum(run["start_time"] is not None for run in of_this_try)
        if begun < (wanted := staging.scenario.ticks * len(staging.deployed)):
            raise NotYet(f"{begun} of {wanted} runs have begun")

    begin = lab.start_seconds * staging.scenario.ticks * len(staging.deployed)
    try:
        seconds = max(lab.deadlines.backlog, begin)
        lab.wait_until("the first tries", all_have_begun, seconds=seconds, every=lab.deadlines.poll)
    except DeadlineError as error:  # what awaits its retry all the same is listed, and judged
        lab.check_server_alive()
        staging.record("note", text=error.reason)
    staging.put_beside_flow("all-have-begun", "")


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
    stage_text="Once each run has begun, the first try of each fails, and it waits for its retry.",
)
