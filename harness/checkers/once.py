"""Whether each run was executed once, by the marks of its flow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers._check import Check
from harness.checkers._executions import executed_between
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import in_order, listed_at, sides_of, states_after, states_read
from harness.words.events import Event, WorkerRestarted
from harness.words.names import BEFORE, DRAINED
from harness.words.promises import Breach

PROMISE = "No run is executed more than once; a retry is an execution of its own."
_RETRIES = "AwaitingRetry"  # the state that each retry of a flow run goes through


def check(events: Sequence[Event]) -> Check:
    """Broken by a run that was executed more often, since it was listed, than its states name tries."""
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    since = executed_between(events, BEFORE, DRAINED)
    if not since:  # before schema 4 flows left no marks
        return None
    listed, sides, states = listed_at(events, BEFORE), sides_of(events), states_read(events, DRAINED)
    breaches, untold = [], []
    for run, executions in since.items():
        if len(executions) < 2:  # rule: once-a-second-execution (boundary)
            continue
        if not (read := states.get(run)) or run not in sides:  # rule: once-tries-by-its-states
            untold.append(run)
            continue
        was, ordered = listed.get(run), in_order(read)
        later = states_after(was, ordered) if was else ordered
        tries = 1 + sum(state.name == _RETRIES for state in later)  # rule: once-a-retry-is-none (without last)
        if len(executions) > tries:
            what = f"was executed {len(executions)} times in {tries} {'try' if tries == 1 else 'tries'}"
            breaches.append(Breach(side=sides[run], run=run, what=what, at=executions[-1].began))
    return Seen(
        held=f"each of {len(since)} runs that were executed was executed once in each of its tries",
        breaches=breaches,
        doubt=_doubt(events, breaches, untold),
    )


def _doubt(events: Sequence[Event], breaches: Sequence[Breach], untold: Sequence[str]) -> str:
    # What a worker had taken as it ended may run on, and be taken again by the next.
    if breaches and any(isinstance(event, WorkerRestarted) for event in events):  # rule: once-not-by-a-dying-worker
        return f"run {breaches[0].run} {breaches[0].what}, but a worker had ended meanwhile, which may be why"
    if untold and not breaches:
        return f"run {untold[0]} was executed several times, and the server shows no states that say how often it tried"
    return ""
