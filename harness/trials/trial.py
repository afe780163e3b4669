"""One scenario, one door, one subject, one engine: triggered, observed, looked at again after the drain.

What comes before and between, the trials of a staging share (staging.py). Each phase is a function from a Trial to its
history; none of them judges. What a phase cannot do raises LabError, and ends this trial alone.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.doors import Door
from harness.engines.base import CommandResult
from harness.history import History, looks_agree
from harness.lab.facts import deployment_facts, result_facts, run_facts, state_facts
from harness.lab.prefect_api import PrefectAPI
from harness.words.costs import WAITS
from harness.words.errors import DeadlineError, LabError
from harness.words.names import AFTER, ANSWERED, BEFORE, DRAINED, SIDES
from harness.words.proof import NONCE, NOTHING
from harness.words.waiting import NotYet, wait_until

if TYPE_CHECKING:
    from harness.lab.lab import Lab
    from harness.trials.staging import Staging

TREATED, TWIN = SIDES
_LOOKS, _BETWEEN_LOOKS = 3, 1.0  # how often one look is taken, and the seconds in between
_LOG_LINES = 200
_LOG_SECONDS = 10  # how long an access-log line may take to reach the log


@dataclass
class Trial:
    """A door on a staging's treated deployment of its own; everything that is done is in its history."""

    door: Door
    staging: Staging
    history: History
    treated: dict[str, Any] = field(default_factory=dict)
    at_risk: dict[str, list[str]] = field(default_factory=dict)
    staged: dict[str, str] = field(default_factory=dict)  # the side of each run that was listed before the door, by id
    opened: bool = False

    @property
    def name(self) -> str:
        """The treated deployment's name."""
        return f"{self.staging.scenario.name}--{self.door.name}"

    @property
    def lab(self) -> Lab:
        """The lab it is staged in."""
        return self.staging.lab

    @property
    def deployments(self) -> dict[str, dict[str, Any]]:
        """Both deployments by their side, as they were staged."""
        return {TREATED: self.treated, TWIN: self.staging.twin}


@dataclass(frozen=True)
class _Treated:
    """What a door may touch of a trial (harness/doors/_door.py)."""

    _trial: Trial

    @property
    def id(self) -> str:
        return str(self._trial.treated["id"])

    @property
    def name(self) -> str:
        return self._trial.name

    @property
    def flow(self) -> str:
        return self._trial.staging.flow_of(self.name)

    @property
    def api(self) -> PrefectAPI:
        return self._trial.lab.api

    @property
    def seconds(self) -> float:
        return self._trial.lab.deadlines.door

    def read(self) -> dict[str, Any]:
        return dict(self.api.read_deployment(self.id))

    def schedules(self) -> list[dict[str, Any]]:
        if not (found := self.read().get("schedules")):
            raise LabError("the treated deployment has no schedule")
        return list(found)

    def write(self, **changed: str) -> None:
        self._trial.staging.write_deployments(self._trial.lab.deployer, [self.name], **changed)

    def deploy(self, **changed: str) -> CommandResult:
        self.write(**changed)
        return self._trial.lab.deploy(self._trial.staging.scenario, [self.name])

    def prefect(self, *words: str) -> CommandResult:
        return self._trial.lab.prefect(self._trial.staging.scenario, *words)

    def run_python(self, script: Path) -> CommandResult:
        lab = self._trial.lab
        folder = lab.site.scenario_folder(self._trial.staging.scenario.name)
        lab.deployer.write(folder, {script.name: script.read_bytes()})
        return lab.deployer.run_python(script.name, cwd=folder, seconds=self.seconds)

    def stop_process(self, grace: float) -> CommandResult:
        started = time.monotonic()
        node = self._trial.lab.worker(self._trial.staging.scenario, self.name)
        before = len(node.log())
        ended = "it ended" if node.stop(grace=grace) else f"SIGKILL after {grace:.0f} s"
        return CommandResult(0, f"SIGINT; {ended}\n{node.log()[before:]}", time.monotonic() - started)


def trigger(trial: Trial) -> None:
    """Open the door while no other of the lab is open, and see what it takes from the trials that it is not opened on.

    What it takes is recorded in its own history and in theirs.
    """
    with ExitStack() as alone:
        with WAITS.of("the door of another trial"):
            alone.enter_context(trial.lab.door)
        watched = _bystanders(trial)
        known = {
            run_id: [one]
            for victims in watched.values()
            for one in victims
            for run_id, side in one.staged.items()
            if side == TREATED
        }
        there = _runs_of(trial, watched, known)
        hidden = [_look_up(trial, "bystander", run_id) for run_id in known.keys() - there.keys()]
        trial.opened = True
        try:
            _open(trial)
        finally:
            _record_taken(trial, watched, known, there, [answer for answer in hidden if answer["status"] == 200])


def _bystanders(trial: Trial) -> dict[str, list[Trial]]:
    """The deployments of the lab whose runs no door but their own may delete: the trials of each, by its id."""
    watched: dict[str, list[Trial]] = {}
    for shared in trial.staging.together:
        if not shared.deletes_nothing:
            continue
        others = [one for one in list(shared.trials) if one is not trial]
        watched |= {one.treated["id"]: [one] for one in others}
        if shared is not trial.staging:  # whose twin it looks at anyway
            watched[shared.twin["id"]] = others
    return watched


def _runs_of(trial: Trial, deployments: Iterable[str], ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The runs of these deployments, and those with these ids, whatever deployment they have by now."""
    asked = {"deployments": list(deployments), "ids": list(ids)}
    return {run["id"]: run for how, names in asked.items() if names for run in trial.lab.api.flow_runs(**{how: names})}


def _record_taken(
    trial: Trial,
    watched: Mapping[str, Sequence[Trial]],
    known: Mapping[str, Sequence[Trial]],
    there: Mapping[str, dict[str, Any]],
    hidden: Sequence[dict[str, Any]],
) -> None:
    """What of the bystanders' runs is not listed any more since `there` was, each looked up by its id, twice; and what
    is another than it was, with its states where it has another one now.

    A run of the twin is the control, before and after. `opened`: a door of its own was opened before, which may be why.
    `hidden`: what was there before the door by its id, and in no listing.
    """
    listed = _runs_of(trial, watched, there)
    unlisted = there.keys() - listed.keys()
    twin = next((run_id for run_id, side in trial.staged.items() if side == TWIN), None)
    control = [_look_up(trial, TWIN, twin)] if unlisted and twin else []
    looked_up = {run_id: [_look_up(trial, "bystander", run_id) for _ in range(2)] for run_id in unlisted}
    control += [_look_up(trial, TWIN, twin)] if unlisted and twin else []
    by = {"door": trial.door.name, "scenario": trial.staging.scenario.name}
    found, changed = [], []
    for run_id, run in there.items():
        victims = watched.get(run["deployment_id"]) or known[run_id]
        opened = trial.door.proof.by == NOTHING or any(victim.opened for victim in victims)
        was, now = run_facts(run), run_facts(listed.get(run_id, run))
        if run_id in unlisted:
            answers = looked_up[run_id]
            found.append({**was, "answers": answers, "opened": opened})
            for victim in victims:
                victim.history.add("unlisted", run=run_id, answers=answers, **by)
        elif was != now:
            moved = was["state_id"] != now["state_id"]
            states = [state["id"] for state in trial.lab.api.states(run_id)] if moved else None
            changed.append({"was": was, "now": now, "states": states, "opened": opened})
            for victim in victims:
                victim.history.add("changed", run=run_id, was=was, now=now, states=states, **by)
    trial.history.add(
        "bystanders", watched=len(there), unlisted=found, changed=changed, control=control, hidden=list(hidden)
    )


def _open(trial: Trial) -> None:
    """List the backlog once more, open the door on the treated deployment alone, and record what proves it."""
    lab, door = trial.lab, trial.door
    before = {side: _read_deployment(trial, side) for side in SIDES}
    for side in SIDES:
        trial.history.add("deployment", side=side, when="before", deployment=before[side])
    marks = trial.staging.executions()  # before the listing: what begins in between was not at risk, and counts as run
    _record_backlog(trial, BEFORE)
    _record_executions(trial, BEFORE, marks)
    nonce = f"nonce-{secrets.token_hex(8)}"
    log_before = len(lab.server.log())
    trial.history.add("clock", when=BEFORE, **lab.api.clock())
    proof = door.proof.of(trial.treated["id"])
    trial.history.add("door-opens", door=door.name, nonce=nonce, proof=proof.as_json())
    answered_at: str | None = None

    def look() -> bool:
        nonlocal answered_at
        seen = _read_deployment(trial, TREATED)
        if not proof.seen(before[TREATED], seen, nonce):
            return False
        # A change of its schedules does not move a deployment's `updated` (measured on 3.3.4).
        answered_at = seen["updated"] if proof.by == NONCE else lab.api.now()
        return True

    result = _while_looking(lambda: door.open(_Treated(trial), nonce), look)
    # A door that leaves no mark on the deployment was answered by the time that it had ended.
    answered_at = answered_at or (lab.api.now() if proof.by != NONCE else None)
    trial.history.add("clock", when=ANSWERED, **lab.api.clock())
    log = _log_with(trial, log_before, proof.requests)
    facts = {"door": door.name, "nonce": nonce, "server_log": log}
    if isinstance(result, BaseException):
        trial.history.add("door", **facts, exit_code=None, output=str(result))
        raise result
    trial.history.add("door", **facts, answered_at=answered_at, **result_facts(result))
    after = {side: _read_deployment(trial, side) for side in SIDES}
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
        wait_until("the server's access log", all_named, seconds=_LOG_SECONDS)
    lines = since()
    return [line for line in lines[:-_LOG_LINES] if names(line)] + lines[-_LOG_LINES:]


def observe(trial: Trial) -> None:
    """Look every run up by its id and list them all, and read the state history of each that was at risk."""
    _look_and_list(trial, AFTER)
    _record_states(trial, AFTER)


def look_again(trial: Trial) -> None:
    """Look every run up once more after the drain, list all there is, and read how each came to its end."""
    listed = _look_and_list(trial, DRAINED)
    for run in listed:
        _record_states_of(trial, DRAINED, run["id"], run["side"])
    _record_executions(trial, DRAINED, trial.staging.executions(), *(run["id"] for run in listed))


# What is read from the server.


def _look_and_list(trial: Trial, when: str) -> list[dict[str, Any]]:
    """Look every run up and list them all, again where the two differ: a run may change in between. Returns the list.

    What differs each time is recorded, and no verdict (checkers/survival.py).
    """
    for number in range(_LOOKS):
        if number:
            time.sleep(_BETWEEN_LOOKS)
        answers = _look(trial, when)
        runs = _record_backlog(trial, when)
        if looks_agree([(one["run"], one["status"]) for one in answers], {run["id"] for run in runs}):
            break
    trial.history.add("clock", when=when, **trial.lab.api.clock())
    return runs


def _record_backlog(trial: Trial, when: str) -> list[dict[str, Any]]:
    """List every run of both deployments, by deployment and by id; the first says which are at risk. Returns the list.

    By id, since from 3.3.4 on a deleted deployment leaves runs behind, which then have none.
    """
    sides = {deployment["id"]: side for side, deployment in trial.deployments.items()}
    by_deployment = trial.lab.api.flow_runs(deployments=sides)
    known = trial.staged or {run["id"]: sides[run["deployment_id"]] for run in by_deployment}
    by_id = trial.lab.api.flow_runs(ids=known)
    found = {run["id"]: run for run in (*by_id, *by_deployment)}
    runs = [{**run, "side": known.get(run["id"]) or sides[run["deployment_id"]]} for run in found.values()]
    trial.staged = known
    listed = {"by_deployment": [run["id"] for run in by_deployment], "by_id": [run["id"] for run in by_id]}
    trial.history.add("listing", when=when, runs=[run_facts(run) for run in runs], **listed)
    if not trial.at_risk:
        state = trial.staging.scenario.state
        trial.at_risk = {
            side: [run["id"] for run in runs if run["side"] == side and run["state_name"] == state] for side in SIDES
        }
    return runs


def _record_executions(trial: Trial, when: str, marks: Iterable[dict[str, Any]], *more: str) -> None:
    """What ran, by these marks, of the runs that were listed before the door, and of `more`."""
    known = {*trial.staged, *more}
    found = [execution for execution in marks if execution["run"] in known]
    trial.history.add("executions", when=when, executions=found)


def _look(trial: Trial, when: str) -> list[dict[str, Any]]:
    """Look every run up by its id, the twin's before and after the treated ones'; what is not a 200 is asked for twice.

    The twin's 200s show that the server answers for runs at all, and still does.
    """
    answers = []
    for side in (TWIN, TREATED, TWIN):
        for run_id in [run_id for run_id, of in trial.staged.items() if of == side]:
            answers.append(_look_up(trial, side, run_id))
            if answers[-1]["status"] != 200:
                answers.append(_look_up(trial, side, run_id))
    trial.history.add("look", when=when, answers=answers)
    return answers


def _look_up(trial: Trial, side: str, run_id: str) -> dict[str, Any]:
    status, body = trial.lab.api.flow_run(run_id)
    answer: dict[str, Any] = {"run": run_id, "side": side, "status": status}
    if status == 200 and isinstance(body, dict):
        return {**answer, **run_facts({**body, "side": side})}
    return {**answer, "body": body}


def _record_states(trial: Trial, when: str) -> None:
    for side in SIDES:
        for run_id in trial.at_risk.get(side, ()):
            _record_states_of(trial, when, run_id, side)


def _record_states_of(trial: Trial, when: str, run_id: str, side: str) -> None:
    states = [state_facts(state) for state in trial.lab.api.states(run_id)]
    trial.history.add("states", when=when, run=run_id, side=side, states=states)


def _read_deployment(trial: Trial, side: str) -> dict[str, Any]:
    return deployment_facts(trial.lab.api.read_deployment(trial.deployments[side]["id"]))
