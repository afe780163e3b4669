"""The fate of every run at risk, from a history alone (DESIGN: kept, progressed, altered, lost).

A run counts as at risk only if its own state history, by the server's clock, shows it in the at-risk state when the
door's request was answered. The state history of a run that is gone went with it: then, and only then, it is the last
listing before the door that says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any

from harness.history import Event, of_kind

SIDES = ("treated", "twin")
GONE = "Flow run not found"
PICKED_UP = {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED"}
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
REFUSED = "503 Service Unavailable"
BEFORE, AFTER, DRAINED = "before the door", "after the door", "after the drain"
_BY_TIME_ALONE = ("Scheduled", "Late")  # what a run turns into when its time passes, whatever the door did
_IDENTITY = ("name", "deployment_id", "work_pool_name", "work_queue_name", "expected_start_time")
HOLDS_A_SLOT = {"PENDING", "RUNNING", "CANCELLING"}


@dataclass(frozen=True)
class RunFate:
    """What became of one run at risk.

    fate        kept | progressed | altered | lost | unknown
    tick        its expected start time, by the server's clock
    before      state name before the door
    looks       what each look saw, by the look's name
    why         what the fate rests on, in words
    completed   it ended by completing, and `relabelled`: it was called otherwise after that
    never_ran   it is there after the drain, nothing held it, and no one ever picked it up
    recreated   the id under which a lost run's tick came back
    """

    run: str
    side: str
    tick: str
    before: str
    fate: str
    looks: dict[str, str]
    why: str
    completed: bool
    relabelled: bool
    never_ran: bool
    ended_otherwise: bool
    recreated: str | None = None


@dataclass(frozen=True)
class Counts:
    """One side's counts. at_risk = kept + progressed + altered + lost + unknown; the first four in every verdict."""

    at_risk: int = 0
    kept: int = 0
    progressed: int = 0
    altered: int = 0
    lost: int = 0
    unknown: int = 0
    stranded: int = 0
    recreated: int = 0
    completed: int = 0
    relabelled: int = 0

    @property
    def undisturbed(self) -> int:
        """Those that completed and were called nothing else after that."""
        return self.completed - self.relabelled


@dataclass(frozen=True)
class Findings:
    """Both sides' counts and every run's fate.

    flaws     contradictions that forbid a verdict
    vanished  runs that no door may delete, since they had been picked up before it was opened, and that are gone
    """

    treated: Counts
    twin: Counts
    fates: list[RunFate] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return asdict(self)


def check_survival(events: Sequence[Event], *, state: str) -> Findings:
    """The fates of the runs that were in `state` (a state name) when the door was answered.

    Events that were never reached (a trial that broke) leave runs `unknown`; nothing is guessed.
    """
    before = {run["run"]: run for run in _listing(events, BEFORE)}
    afterwards = _listing(events, DRAINED)
    answered_at = next((door.get("answered_at") for door in of_kind(events, "door")), None)
    answers = {look["when"]: look["answers"] for look in of_kind(events, "look")}
    states, until_drained = states_read(events, AFTER), states_read(events, DRAINED)
    alive = {when: _twin_answers(found) for when, found in answers.items()}
    # A run that still runs may hold what the others wait for: those are not stranded. What the trials of a staging
    # share (a worker, a limit), a run of another trial may hold.
    held = {run["side"] for run in afterwards if run["state_type"] in HOLDS_A_SLOT}
    held |= {side for drained in of_kind(events, "drained") if drained.get("holding") for side in SIDES}
    flaws: list[str] = []
    fates = []
    for run_id, listed in before.items():
        seen = {
            when: [answer for answer in answers[when] if answer["run"] == run_id] if when in answers else None
            for when in (AFTER, DRAINED)
        }
        there = any(answer["status"] == 200 for answer in seen[AFTER] or ())
        read = states.get(run_id) if there else None
        if read == [] and _seen_as(seen[DRAINED], alive.get(DRAINED, False)) == "gone":
            read = None  # it went after the look and before they were read
        if not _was_at_risk(listed, read, state, answered_at):
            continue
        if there and run_id not in states:
            flaws.append(f"the state history of run {run_id} was never read")
        passed = until_drained.get(run_id, ())
        fate = _fate(listed, seen, alive, state, held=listed["side"] in held, passed=passed, flaws=flaws)
        fates.append(fate if fate.fate != "lost" else _with_successor(fate, before, afterwards))
    twin_whole = _whole([fate for fate in fates if fate.side == "twin"])
    fates = [_ended_otherwise_is_altered(fate) if twin_whole else fate for fate in fates]
    counts = {side: _count([fate for fate in fates if fate.side == side]) for side in SIDES}
    return Findings(counts["treated"], counts["twin"], fates, flaws, _vanished(events, before.values(), afterwards))


def _vanished(
    events: Sequence[Event], before: Iterable[dict[str, Any]], afterwards: Iterable[dict[str, Any]]
) -> list[str]:
    if not any(listing["when"] == DRAINED for listing in of_kind(events, "listing")):
        return []
    there = {run["run"] for run in afterwards}
    return [
        f"run {run['run']} of the {run['side']} deployment, {run['state_name']} {BEFORE}, is gone {DRAINED}"
        for run in before
        if run["state_type"] in PICKED_UP and run["run"] not in there
    ]


def states_read(events: Sequence[Event], when: str) -> dict[str, list[dict[str, Any]]]:
    """The state history of each run, by its id, as it was read at AFTER or DRAINED."""
    return {event["run"]: event["states"] for event in of_kind(events, "states") if event["when"] == when}


def _listing(events: Sequence[Event], when: str) -> list[dict[str, Any]]:
    return [run for listing in of_kind(events, "listing") if listing["when"] == when for run in listing["runs"]]


def _was_at_risk(
    listed: dict[str, Any], states: Sequence[dict[str, Any]] | None, state: str, answered_at: str | None
) -> bool:
    """Whether the run was in the at-risk state when the door was answered (both times are the server's, UTC ISO).

    One listed in that state is not at risk any more once a worker had picked it up; into any other state the door
    itself may have put it, a moment before its answer was seen. `states` is None where the run is gone, and its
    state history with it (or where it was never read).
    """
    if states is None or not answered_at:
        return bool(listed["state_name"] == state)
    earlier = [entry for entry in states if _instant(entry["timestamp"]) <= _instant(answered_at)]
    if not earlier:
        return False
    last = sorted(earlier, key=lambda entry: _instant(entry["timestamp"]))[-1]
    return bool(last["name"] == state or (listed["state_name"] == state and last["type"] not in PICKED_UP))


def _instant(text: str) -> tuple[str, str]:
    """A sortable form of the server's UTC times, which come as `…Z` or `…+00:00`, with or without a fraction."""
    bare = text.replace("Z", "").replace("+00:00", "").replace(" ", "T")
    second, _, fraction = bare.partition(".")
    return second, fraction.ljust(6, "0")


def _twin_answers(answers: Iterable[dict[str, Any]]) -> bool:
    return any(answer["side"] == "twin" and answer["status"] == 200 for answer in answers)


def _is_gone(answer: dict[str, Any]) -> bool:
    body = answer.get("body")
    return answer["status"] == 404 and isinstance(body, dict) and body.get("detail") == GONE


def _seen_as(answers: Sequence[dict[str, Any]] | None, twin_answers: bool) -> str:
    """One look's word on one run: `there`, `gone`, `unknown` (which is never a fate), or `not looked`."""
    if answers is None:
        return "not looked"
    if any(answer["status"] == 200 for answer in answers):
        return "there"
    if len(answers) >= 2 and all(_is_gone(answer) for answer in answers) and twin_answers:
        return "gone"
    return "unknown"


def _fate(
    listed: dict[str, Any],
    seen: dict[str, list[dict[str, Any]] | None],
    alive: dict[str, bool],
    state: str,
    *,
    held: bool,
    passed: Sequence[dict[str, Any]],
    flaws: list[str],
) -> RunFate:
    words = {when: _seen_as(answers, alive.get(when, False)) for when, answers in seen.items()}
    last = {when: next((a for a in answers or () if a["status"] == 200), None) for when, answers in seen.items()}
    described = {when: _describe(words[when], last[when], seen[when] or ()) for when in seen}
    gone = [when for when, word in words.items() if word == "gone"]
    if words[AFTER] == "gone" and words[DRAINED] == "there":
        flaws.append(f"run {listed['run']} was gone {AFTER} and there again {DRAINED}")
    first, final = last[AFTER], last[DRAINED]
    if gone:
        fate, why = "lost", f"404 {GONE!r} twice {gone[0]}, while a run of the twin answered"
    elif unknown := [when for when, word in words.items() if word == "unknown"]:
        fate, why = "unknown", f"{unknown[0]} the server gave no usable answer: {described[unknown[0]]}"
    elif first is None:
        fate, why = "unknown", f"it was never looked up {AFTER}"
    else:
        fate, why = _fate_of_the_living(listed, first, final, state)
    end = final or {}
    final_type = str(end.get("state_type"))
    completed = has_completed(end, passed)
    relabelled = completed and final_type != "COMPLETED"
    if relabelled:
        why += f"; it completed, and was called {end['state_name']} after that"
    given_up = _given_up(end)
    if given_up:
        why += f"; then its worker gave it up, since the server had answered {REFUSED}"
    # A run that waits for its retry has run before: what counts is whether it ran since.
    ran = final_type in PICKED_UP or (end.get("run_count") or 0) > (listed.get("run_count") or 0)
    return RunFate(
        run=listed["run"],
        side=listed["side"],
        tick=listed["expected_start_time"],
        before=listed["state_name"],
        fate=fate,
        looks=described,
        why=why,
        completed=completed,
        relabelled=relabelled,
        never_ran=fate == "kept" and words[DRAINED] == "there" and not ran and not held,
        ended_otherwise=final_type in ENDED and not completed and fate in ("kept", "progressed") and not given_up,
    )


def has_completed(end: dict[str, Any], states: Iterable[dict[str, Any]]) -> bool:
    """Whether a run, last seen as `end`, ended by completing, whatever it was called after that; `states` are its own.

    A worker may call a run Crashed a moment after it completed (seen, 3.4.25: the lease on its slot was not renewed).
    One that was put back after that and ran again did not end by it; a state that came after `end` says nothing.
    """
    if end.get("state_type") == "COMPLETED":
        return True
    seen = _instant(str(end.get("state_timestamp") or ""))
    known = sorted((_instant(one["timestamp"]), str(one["type"])) for one in states)
    types = [kind for at, kind in known if at <= seen]
    return end.get("state_type") in ENDED and "COMPLETED" in takewhile(ENDED.__contains__, reversed(types))


def _given_up(look: dict[str, Any]) -> bool:
    """Whether a worker gave the run up because the server was too busy: a 503 is never a fate, at second hand neither.

    Prefect's worker tries a refused write five times, and then calls the run Crashed, quoting the answer (seen, 3.3.4).
    """
    return look.get("state_type") == "CRASHED" and REFUSED in str(look.get("state_message"))


def _fate_of_the_living(
    listed: dict[str, Any], first: dict[str, Any], final: dict[str, Any] | None, state: str
) -> tuple[str, str]:
    for look, when in ((first, AFTER), (final, DRAINED)):
        if look is None:
            continue
        for key in _IDENTITY:
            if look.get(key) != listed.get(key):
                return "altered", f"{key} was {listed.get(key)!r} and is {look.get(key)!r} {when}"
        if look["state_type"] in ("CANCELLED", "CANCELLING"):
            return "altered", f"{look['state_name']} {when}"
    if first["state_name"] == state or (state, first["state_name"]) == _BY_TIME_ALONE:
        return "kept", f"{first['state_name']} {AFTER}"
    if first["state_type"] in PICKED_UP:
        return "progressed", f"{first['state_name']} {AFTER}"
    return "altered", f"{first['state_name']} {AFTER}, from {state}"


def _describe(word: str, answer: dict[str, Any] | None, answers: Sequence[dict[str, Any]]) -> str:
    if answer:
        return str(answer["state_name"])
    if word == "gone":
        return "404"
    return "no answer" if not answers else f"{answers[-1]['status']} {str(answers[-1].get('body'))[:80]}"


def _with_successor(fate: RunFate, before: dict[str, Any], afterwards: Sequence[dict[str, Any]]) -> RunFate:
    for run in afterwards:
        if run["side"] == fate.side and run["run"] not in before and run["expected_start_time"] == fate.tick:
            return RunFate(**{**vars(fate), "recreated": run["run"]})
    return fate


def _whole(fates: Sequence[RunFate]) -> bool:
    """Whether all completed and nothing else; a twin that was relabelled is a control that something happened to."""
    return bool(fates) and all(fate.completed and not fate.relabelled for fate in fates)


def _ended_otherwise_is_altered(fate: RunFate) -> RunFate:
    if not fate.ended_otherwise:
        return fate
    why = f"ended {fate.looks[DRAINED]}, while the whole twin completed"
    return RunFate(**{**vars(fate), "fate": "altered", "why": why})


def _count(fates: Sequence[RunFate]) -> Counts:
    def number(fate: str) -> int:
        return sum(one.fate == fate for one in fates)

    return Counts(
        at_risk=len(fates),
        kept=number("kept"),
        progressed=number("progressed"),
        altered=number("altered"),
        lost=number("lost"),
        unknown=number("unknown"),
        stranded=sum(fate.never_ran for fate in fates),
        recreated=sum(fate.recreated is not None for fate in fates),
        completed=sum(fate.completed for fate in fates),
        relabelled=sum(fate.relabelled for fate in fates),
    )
