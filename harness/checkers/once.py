"""Whether each run was executed once, by the marks of its flow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers._check import Check
from harness.checkers._executions import executed_by
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import in_order, sides_of, states_read
from harness.history import moment
from harness.words.events import Event, WorkerRestarted
from harness.words.facts import Execution
from harness.words.names import DRAINED
from harness.words.promises import Breach

PROMISE = "No run is executed more than once; a retry is an execution of its own."
_RETRIES = "AwaitingRetry"  # the state that each retry of a flow run goes through


def check(events: Sequence[Event]) -> Check:
    """Broken by a run that was executed more than once in one of its tries, whenever the first time was.

    A try lasts up to the next state that awaits a retry: the server's word, beside the marks, on the lab's one clock.
    """
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    ran = executed_by(events, DRAINED)  # a run that was Running at the door had its first execution before it
    if not ran:  # before schema 4 flows left no marks
        return None
    sides, states = sides_of(events), states_read(events, DRAINED)
    breaches, untold = [], []
    for run, executions in ran.items():
        if len(executions) < 2:  # rule: once-a-second-execution (boundary)
            continue
        if not (read := states.get(run)) or run not in sides:  # rule: once-tries-by-its-states
            untold.append(run)
            continue
        # rule: once-a-retry-is-none (gives [])
        retries = [moment(state.timestamp) for state in in_order(read) if state.name == _RETRIES]
        tries: dict[int, list[Execution]] = {}
        for one in executions:
            # rule: once-in-its-own-try (gives 0)
            number = sum(retry < moment(one.began) for retry in retries)
            tries.setdefault(number, []).append(one)
        number, most = max(tries.items(), key=lambda of: len(of[1]))
        if len(most) > 1:
            which = f"try {number + 1} of {len(retries) + 1}" if retries else "1 try"
            what = f"was executed {len(most)} times in {which}"
            breaches.append(Breach(side=sides[run], run=run, what=what, at=most[-1].began))
    return Seen(
        held=f"each of {len(ran)} runs that were executed was executed once in each of its tries",
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
