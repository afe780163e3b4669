"""The fate of every run at risk (docs/verdicts.md: kept, progressed, altered, lost).

A run counts as at risk only if its own state history, by the server's clock, shows it in the at-risk state when the
door's request was answered. The state history of a run that is gone went with it: then, and only then, it is the last
listing before the door that says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from typing import Any

from harness.checkers._executions import executed_between, with_executions
from harness.checkers._runs import (
    EXPECTED,
    GONE,
    IDENTITY,
    NEXT,
    has_completed,
    has_its_past,
    in_order,
    is_gone_for_good,
    same_instant,
    states_after,
    states_read,
)
from harness.history import moment, of_kind
from harness.words.events import (
    Act,
    Answer,
    DeploymentRead,
    DoorClosed,
    DoorOpens,
    Drained,
    Event,
    FlowRun,
    Listing,
    Look,
    RunState,
)
from harness.words.names import AFTER, BEFORE, DRAINED, ENDED, HOLDS_A_SLOT, PICKED_UP, SIDES

REFUSED = "503 Service Unavailable"
_BY_TIME_ALONE = "Late"  # what a waiting run turns into when its time passes, whatever the door did
_WAITS_FOR_A_SLOT = "AwaitingConcurrencySlot"  # and is given another time each time that it asks for one
_BEGUN = {"PENDING", "RUNNING"}


@dataclass(frozen=True)
class RunFate:
    """What became of one run at risk.

    fate        kept | progressed | altered | lost | unknown
    tick        its expected start time, by the server's clock
    before      state name before the door
    looks       what each look saw, by the look's name, and `end`: the state type that the last one saw
    why         what the fate rests on, in words
    completed   it ended by completing, and `relabelled`: it was called otherwise after that
    stranded    it is there after the drain, nothing held it, and no one ever picked it up
    recreated   the id under which a lost run's tick came back
    executions  how often it was executed since it was listed, by the marks of its flow; None where there are none
    """

    run: str
    side: str
    tick: str
    before: str
    fate: str
    looks: dict[str, str]
    end: str
    why: str
    completed: bool
    relabelled: bool
    stranded: bool
    ended_otherwise: bool
    recreated: str | None = None
    executions: int | None = None

    @property
    def executed_twice(self) -> bool:
        """Whether it was executed more than once since it was listed."""
        return (self.executions or 0) > 1

    @property
    def never_ran(self) -> bool:
        """Whether the server called it Completed, whatever it is called by now, and it was never executed."""
        return (self.completed or self.end == "COMPLETED") and self.executions == 0


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
    executed_twice: int = 0
    never_ran: int = 0

    @property
    def undisturbed(self) -> int:
        """Those that completed and were called nothing else after that."""
        return self.completed - self.relabelled


@dataclass(frozen=True)
class Findings:
    """Both sides' counts and every run's fate.

    flaws     contradictions that forbid a verdict
    vanished  runs that no door may delete, since they had been picked up before it was opened, and that are gone
    unclean   runs of the twin that are gone, whatever their state was: it is no control
    """

    treated: Counts
    twin: Counts
    fates: list[RunFate] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    unclean: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return asdict(self)


def find_fates(events: Sequence[Event], *, state: str) -> Findings:
    """The fates of the runs that were in `state` (a state name) when the door was answered.

    Events that were never reached (a trial that broke) leave runs `unknown`; nothing is guessed.
    """
    before = {run.run: run for run in _listing(events, BEFORE)}
    afterwards = _listing(events, DRAINED)
    answered_at = next((door.answered_at for door in of_kind(events, DoorClosed)), None)
    answers: dict[str, list[Answer]] = {look.when: look.answers for look in of_kind(events, Look)}
    by_run = {when: _by_run(found) for when, found in answers.items()}
    states, until_drained = states_read(events, AFTER), states_read(events, DRAINED)
    alive = {when: _twin_answers(found) for when, found in answers.items()}
    # A run that still runs may hold what the others wait for: those are not stranded. What the trials of a staging
    # share (a worker, a limit), a run of another trial may hold.
    held = {run.side for run in afterwards if run.state_type in HOLDS_A_SLOT}
    held |= {side for drained in of_kind(events, Drained) if drained.holding for side in SIDES}
    cancelled = _acted_on(events)
    told = [event.deployment for event in of_kind(events, DeploymentRead)]
    # A run keeps the id of a deployment that is deleted, and no server lists it by that (seen, 3.3.3 and 3.3.4).
    deployments = {one.id for one in told} - {one.id for one in told if one.deleted}
    last: dict[str, Listing] = {listing.when: listing for listing in of_kind(events, Listing)}
    since = executed_between(events, BEFORE, DRAINED)
    again = {(run.side, run.expected_start_time): run.run for run in afterwards if run.run not in before}
    flaws = [
        flaw
        for when, found in by_run.items()
        if when in last
        for flaw in _disagreements(last[when], found, deployments)
    ]
    fates = []
    for run_id, listed in before.items():
        seen = {when: found.get(run_id, []) for when, found in by_run.items()}
        there = any(answer.status == 200 for answer in seen.get(AFTER, ()))
        read = states.get(run_id) if there else None
        # What was listed so and was never executed was not picked up, whatever its states say.
        never = since is not None and listed.state_name == state and not since.get(run_id)
        if not _was_at_risk(listed, read, state, answered_at) and (not never or run_id in cancelled):
            continue
        if there and run_id not in states:
            flaws.append(f"the state history of run {run_id} was never read")
        past = {AFTER: read, DRAINED: until_drained.get(run_id)}
        fate = _fate(listed, seen, alive, state, held=listed.side in held, past=past, flaws=flaws)
        if run_id in cancelled and fate.fate == "altered":
            fate = replace(fate, fate="unknown", why=f"the harness itself did this after the door: {cancelled[run_id]}")
        fates.append(fate if fate.fate != "lost" else replace(fate, recreated=again.get((fate.side, fate.tick))))
    if since is not None:
        fates, of_executions = with_executions(fates, before, since, _declared(events))
        flaws += of_executions
    twin_whole = _whole([fate for fate in fates if fate.side == "twin"])
    fates = [_ended_otherwise_is_altered(fate) if twin_whole else fate for fate in fates]
    counts = {side: _count([fate for fate in fates if fate.side == side]) for side in SIDES}
    gone = _gone(events, before.values(), afterwards)
    vanished = [_is_gone_text(run) for run in gone if run.state_type in PICKED_UP]
    unclean = [_is_gone_text(run) for run in gone if run.side == "twin"]
    return Findings(counts["treated"], counts["twin"], fates, flaws, vanished, unclean)


def _declared(events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    """The defaults of the flow's parameters, by the id of the deployment that said so before the door was opened."""
    found = [event.deployment for event in of_kind(events, DeploymentRead) if event.when == "before"]
    return {one.id: one.defaults for one in found if one.defaults is not None}


def _acted_on(events: Sequence[Event]) -> dict[str, str]:
    """What the harness itself did to a run after the door was opened, by the run's id: no fate of the door's."""
    opened = [number for number, event in enumerate(events) if isinstance(event, DoorOpens)]
    later = events[opened[0] :] if opened else ()
    return {act.run.run: act.what for act in of_kind(later, Act) if act.run}


def _gone(events: Sequence[Event], before: Iterable[FlowRun], afterwards: Iterable[FlowRun]) -> list[FlowRun]:
    """What was listed before the door and is not after the drain; nothing where nothing was listed then."""
    if not any(listing.when == DRAINED for listing in of_kind(events, Listing)):
        return []
    there = {run.run for run in afterwards}
    return [run for run in before if run.run not in there]


def _is_gone_text(run: FlowRun) -> str:
    return f"run {run.run} of the {run.side} deployment, {run.state_name} {BEFORE}, is gone {DRAINED}"


def _disagreements(listing: Listing, by_run: Mapping[str, Sequence[Answer]], deployments: Collection[str]) -> list[str]:
    """Where the last listing of a look and its look-ups by id do not say the same of a run; one is not to be believed.

    A run is listed by its id, and by its deployment while it has one of the trial's (`deployments`, by id). Before
    schema 3 neither was recorded.
    """
    flaws: list[str] = []
    if listing.by_id is None:
        return flaws
    listed = {"by its id": set(listing.by_id), "by its deployment": set(listing.by_deployment or ())}
    for run_id, found in by_run.items():
        word = _seen_as(found, twin_answers=True)
        of_another = word == "there" and found[-1].deployment_id not in deployments
        for how, names in listed.items():
            if how != "by its id" and of_another:
                continue
            if word in ("there", "gone") and (run_id in names) != (word == "there"):
                said = f"and {'is' if run_id in names else 'is not'} listed {how}"
                flaws.append(f"{listing.when}, run {run_id} is {word} when it is looked up, {said}")
    return flaws


def _by_run(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.run, []).append(answer)
    return found


def _listing(events: Sequence[Event], when: str) -> list[FlowRun]:
    """The runs of the last listing of that name, each once."""
    listings = [listing for listing in of_kind(events, Listing) if listing.when == when][-1:]
    return list({run.run: run for listing in listings for run in listing.runs}.values())


def _was_at_risk(listed: FlowRun, states: Sequence[RunState] | None, state: str, answered_at: str | None) -> bool:
    """Whether the run was in the at-risk state when the door was answered (both times are the server's, UTC ISO).

    One listed in that state is not at risk any more once a worker had picked it up; into any other state the door
    itself may have put it, a moment before its answer was seen. `states` is None where the run is gone, and its
    state history with it (or where it was never read); one with another past than it was listed with says nothing.
    """
    if states is None or not answered_at or not has_its_past(listed, states):
        return listed.state_name == state
    ordered, answered = in_order(states), moment(answered_at)
    if listed.state_name == state:
        # What it was listed in came before the door, even where the answer's time is cut to a whole second.
        later = [entry for entry in states_after(listed, ordered) if moment(entry.timestamp) <= answered]
        return not any(entry.type in _BEGUN for entry in later)
    earlier = [entry for entry in ordered if moment(entry.timestamp) <= answered]
    return bool(earlier and earlier[-1].name == state)


def _twin_answers(answers: Iterable[Answer]) -> bool:
    return any(answer.side == "twin" and answer.status == 200 for answer in answers)


def _seen_as(answers: Sequence[Answer] | None, twin_answers: bool) -> str:
    """One look's word on one run: `there`, `gone`, `unknown` (which is never a fate), or `not looked`.

    The last answers speak: the twin is asked for twice in a look, and what was there may be gone then.
    """
    if answers is None:
        return "not looked"
    last = list(takewhile(lambda answer: answer.status != 200, reversed(answers)))
    if not last and answers:
        return "there"
    if is_gone_for_good(last) and twin_answers:
        return "gone"
    return "unknown"


def _fate(
    listed: FlowRun,
    seen: Mapping[str, Sequence[Answer]],
    alive: Mapping[str, bool],
    state: str,
    *,
    held: bool,
    past: Mapping[str, Sequence[RunState] | None],
    flaws: list[str],
) -> RunFate:
    looks = (AFTER, DRAINED)
    words = {when: _seen_as(seen.get(when), alive.get(when, False)) for when in looks}
    last = {when: next((a for a in reversed(seen.get(when, ())) if a.status == 200), None) for when in looks}
    described = {when: _describe(words[when], last[when], seen.get(when, ())) for when in looks}
    gone = [when for when, word in words.items() if word == "gone"]
    if words[AFTER] == "gone" and words[DRAINED] == "there":
        flaws.append(f"run {listed.run} was gone {AFTER} and there again {DRAINED}")
    first, final = last[AFTER], last[DRAINED]
    if gone:
        fate, why = "lost", f"404 {GONE!r} twice {gone[0]}, while a run of the twin answered"
    elif unknown := [when for when, word in words.items() if word == "unknown"]:
        fate, why = "unknown", f"{unknown[0]} the server gave no usable answer: {described[unknown[0]]}"
    elif first is None:
        fate, why = "unknown", f"it was never looked up {AFTER}"
    elif hidden := [when for when, states in past.items() if states == [] and words[when] == "there"]:
        fate, why = "unknown", f"the server shows no state of it {hidden[0]}"
    else:
        fate, why = _fate_of_the_living(listed, first, final, state, past)
    end = final or Answer(run=listed.run, status=None)
    final_type = end.state_type or ""
    completed = has_completed(end, past[DRAINED], since=listed)
    relabelled = completed and final_type != "COMPLETED"
    if relabelled:
        why += f"; it completed, and was called {end.state_name} after that"
    given_up = _given_up(end)
    if given_up:
        why += f"; then its worker gave it up, since the server had answered {REFUSED}"
    # A run that waits for its retry has run before: what counts is whether it ran since.
    ran = final_type in PICKED_UP or (end.run_count or 0) > (listed.run_count or 0)
    return RunFate(
        run=listed.run,
        side=listed.side or "",
        tick=listed.expected_start_time or "",
        before=listed.state_name or "",
        fate=fate,
        looks=described,
        end=final_type,
        why=why,
        completed=completed,
        relabelled=relabelled,
        stranded=fate == "kept" and words[DRAINED] == "there" and not ran and not held,
        ended_otherwise=final_type in ENDED and not completed and fate in ("kept", "progressed") and not given_up,
    )


def _given_up(look: Answer) -> bool:
    """Whether a worker gave the run up because the server was too busy: a 503 is never a fate, at second hand neither.

    Prefect's worker tries a refused write five times, and then calls the run Crashed, quoting the answer (seen, 3.3.4).
    """
    return look.state_type == "CRASHED" and REFUSED in str(look.state_message)


def _fate_of_the_living(
    listed: FlowRun,
    first: Answer,
    final: Answer | None,
    state: str,
    past: Mapping[str, Sequence[RunState] | None],
) -> tuple[str, str]:
    for look, when in ((first, AFTER), (final, DRAINED)):
        if look is None:
            continue
        if changed := _changed(listed, look, past[when]):
            return "altered", f"{changed} {when}"
        if look.state_type in ("CANCELLED", "CANCELLING"):
            return "altered", f"{look.state_name} {when}"
        if look.state_type == "COMPLETED" and not has_completed(look, past[when], since=listed):
            return "altered", f"{look.state_name} {when}, and never Running since it was listed"
    if first.state_name == state or (first.state_type, first.state_name) == ("SCHEDULED", _BY_TIME_ALONE):
        return "kept", f"{first.state_name} {AFTER}"
    if first.state_type in PICKED_UP:
        return "progressed", f"{first.state_name} {AFTER}"
    return "altered", f"{first.state_name} {AFTER}, from {state}"


def _changed(listed: FlowRun, look: Answer, states: Sequence[RunState] | None) -> str:
    """What a run is not any more that it was when it was listed; empty where it is the same, with the same past."""
    waits = {look.state_type, listed.state_type} == {"SCHEDULED"}
    for_a_time = waits and _WAITS_FOR_A_SLOT not in (look.state_name, listed.state_name)
    for key in (*IDENTITY, EXPECTED, NEXT) if for_a_time else (*IDENTITY, EXPECTED):
        was, is_ = getattr(listed, key), getattr(look, key)
        if was != is_ and not (key in (EXPECTED, NEXT) and same_instant(was, is_)):
            return f"{key} was {was!r} and is {is_!r}"
    if states and not has_its_past(listed, states):
        return f"its states, without the {listed.state_name} that it was listed in, are those of another run"
    return ""


def _describe(word: str, answer: Answer | None, answers: Sequence[Answer]) -> str:
    if answer:
        return str(answer.state_name)
    if word == "gone":
        return "404"
    return "no answer" if not answers else f"{answers[-1].status} {str(answers[-1].body)[:80]}"


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
        stranded=sum(fate.stranded for fate in fates),
        recreated=sum(fate.recreated is not None for fate in fates),
        completed=sum(fate.completed for fate in fates),
        relabelled=sum(fate.relabelled for fate in fates),
        executed_twice=sum(fate.executed_twice for fate in fates),
        never_ran=sum(fate.never_ran for fate in fates),
    )
