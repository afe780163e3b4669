"""The door is opened on the treated deployment alone, while no other of the lab is open."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from msgspec.structs import replace

from harness.engines.base import CommandResult
from harness.lab.facts import result_facts
from harness.trials.at_a_tick import wait_for_a_tick, wait_until_it_is
from harness.trials.bystanders import Bystanders
from harness.trials.looks import read_deployment, record_backlog, record_executions
from harness.trials.treated import TreatedDeployment
from harness.trials.trial import TREATED, Trial
from harness.words.costs import WAITS
from harness.words.errors import DeadlineError
from harness.words.names import ANSWERED, BEFORE, SIDES
from harness.words.proof import DEEDS, NONCE, NOTHING
from harness.words.waiting import NotYet

_LOG_LINES = 200
_LOG_SECONDS = 10  # how long an access-log line may take to reach the log


def trigger(trial: Trial) -> None:
    """Open the door while no other of the lab is open, and see what it takes from the trials that it is not opened on.

    What it takes is recorded in its own history and in theirs.
    """
    with ExitStack() as alone:
        with WAITS.of("the door of another trial"):
            alone.enter_context(trial.lab.door)
        bystanders = Bystanders(trial)
        trial.opened = True
        try:
            _open(trial)
        finally:
            bystanders.record_taken()


def _open(trial: Trial) -> None:
    """List the backlog once more, open the door on the treated deployment alone, and record what proves it."""
    lab, door = trial.lab, trial.door
    opens = wait_for_a_tick(trial)
    before = {side: read_deployment(trial, side) for side in SIDES}
    for side in SIDES:
        trial.history.add("deployment", side=side, when="before", deployment=before[side])
    # rule: executed-marks-first (later)
    marks = trial.staging.executions()  # before the listing: what begins in between was not at risk, and counts as run
    record_backlog(trial, BEFORE)
    record_executions(trial, BEFORE, marks)
    nonce = f"nonce-{secrets.token_hex(8)}"
    log_before = len(lab.server.log())
    trial.history.add("clock", when=BEFORE, **lab.api.clock())
    proof = door.proof.of(trial.treated["id"], trial.staging.pool_of(trial.name))
    if proof.by != NOTHING:
        proof = replace(proof, asks=[*proof.asks, *trial.staging.scenario.asks])
    wait_until_it_is(trial, opens)
    trial.history.add("door-opens", door=door.name, nonce=nonce, proof=proof.as_json())
    answered_at: str | None = None

    def look() -> bool:
        nonlocal answered_at
        if proof.by == DEEDS:  # the deployment shows nothing of it
            return False
        seen = read_deployment(trial, TREATED)
        if not proof.seen(before[TREATED], seen, nonce):
            return False
        # A change of its schedules does not move a deployment's `updated` (measured on 3.3.4).
        # rule: answered-by-the-server-clock (always)
        answered_at = seen["updated"] if proof.by == NONCE else lab.api.now()
        return True

    result = _while_looking(lambda: door.open(TreatedDeployment(trial), nonce), look)
    # A door that leaves no mark on the deployment was answered by the time that it had ended.
    answered_at = answered_at or (lab.api.now() if proof.by != NONCE else None)
    trial.history.add("clock", when=ANSWERED, **lab.api.clock())
    log = _log_with(trial, log_before, proof.requests)
    facts = {"door": door.name, "nonce": nonce, "server_log": log}
    if isinstance(result, BaseException):
        trial.history.add("door", **facts, exit_code=None, output=str(result))
        raise result
    trial.history.add("door", **facts, answered_at=answered_at, **result_facts(result))
    after = {side: read_deployment(trial, side) for side in SIDES}
    trial.deleted = bool(after[TREATED].get("deleted"))
    for side in SIDES:
        trial.history.add("deployment", side=side, when="after", deployment=after[side])


def _while_looking(act: Callable[[], CommandResult], look: Callable[[], bool]) -> CommandResult | BaseException:
    """Act in a thread, and look every few tenths of a second until a look says that it is enough."""
    outcome: list[CommandResult | BaseException] = []

    def acting() -> None:
        try:
            outcome.append(act())
        except BaseException as error:
            outcome.append(error)

    actor = threading.Thread(target=acting)
    actor.start()
    try:
        ended = seen = False
        while not ended and not seen:
            actor.join(0.25)
            ended = not actor.is_alive()
            seen = look()
    finally:
        actor.join()  # the door's own deadline bounds it; nothing is taken down around a door that is open
    return outcome[0]


def _log_with(trial: Trial, start: int, requests: Sequence[str]) -> list[str]:
    """The server's log since `start`, once it names these requests; it is written a moment after the answer.

    Cut to its last lines, and those before them that name one of the requests.
    """

    def names(line: str) -> list[str]:
        return [request for request in requests if re.search(request, line)]

    def since() -> list[str]:
        return trial.lab.server.log()[start:].splitlines()

    def all_named() -> None:
        named = {request for line in since() for request in names(line)}
        if missing := [request for request in requests if request not in named]:
            raise NotYet(f"no line with {missing[0]}")

    with suppress(DeadlineError):
        trial.lab.wait_until("the server's access log", all_named, seconds=_LOG_SECONDS)
    lines = since()
    return [line for line in lines[:-_LOG_LINES] if names(line)] + lines[-_LOG_LINES:]
