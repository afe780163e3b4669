"""A deployment's concurrency limit of 1 is tighter than its schedule: the runs wait for a slot."""

from harness.trials.scenario import Scenario

scenario = Scenario(
    summary="A concurrency limit of 1 with a flow that outlasts its interval; runs await a slot.",
    state="AwaitingConcurrencySlot",
    ticks=4,  # one of them holds the slot; each of the others takes a turn of 4 to 5 s in the drain
    holders=1,
    interval=1,
    minimum=2,  # one more may be given up by its worker before it holds the slot
    # A run asks for its slot before it can be called Late: a worker of 3.0.x asks once a run, and where the pass that
    # marks runs late takes seconds, its write comes after the refusal and the run stays Late (3.0.8).
    prefetch_seconds=3,
    in_reproduce=True,
    concurrency_limit="1",
    backlog="awaiting-slot",
    fault="slot-held",
    applies=">=3.0.4",
    applies_reason="a deployment's concurrency limit is enforced from 3.0.4 on",
)
