"""The fate of every run at risk (docs/verdicts.md: kept, progressed, altered, lost).

A run counts as at risk only if its own state history, by the server's clock, shows it in the at-risk state when the
door's request was answered. The state history of a run that is gone went with it: then, and only then, it is the last
listing before the door that says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.checkers._executions import executed_between, with_executions
from harness.checkers._fate import fate_of, seen_as
from harness.checkers._findings import Findings, RunFate, count
from harness.checkers._runs import has_its_past, in_order, states_after, states_read
from harness.checkers._sample import with_unasked
from harness.checkers._trial import is_absolute
from harness.history import moment, of_kind
from harness.words.events import Act, DeploymentRead, DoorClosed, DoorOpens, Drained, Event, Listing, Look
from harness.words.facts import Answer, FlowRun, RunState, in_state
from harness.words.names import AFTER, BEFORE, DRAINED, HOLDS_A_SLOT, PICKED_UP, SIDES
from harness.words.part_events import PartActed

_BEGUN = {"PENDING", "RUNNING"}


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
    since = executed_between(events, BEFORE, DRAINED)
    absolute = is_absolute(events)  # rule: absolute-ended-otherwise (gives False)
    alive = {when: _twin_answers(found) for when, found in answers.items()}
    # Where the door hit the twin, too, both sides may be gone: the trial in another lab shows that runs are found.
    if is_absolute(events):  # rule: absolute-lost-on-both-sides
        alive = dict.fromkeys(alive, True)
    # A run whose process was killed, and that nobody executed since, holds nothing, whatever it is called.
    # rule: stranded-behind-the-dead (gives {})
    dead = {run for act in of_kind(events, PartActed) for run in act.runs} - (since or {}).keys()
    # A run that still runs may hold what the others wait for: those are not stranded. What the trials of a staging
    # share (a worker, a limit), a run of another trial may hold.
    held = {run.side for run in afterwards if run.state_type in HOLDS_A_SLOT and run.run not in dead}
    # rule: stranded-not-held-by-others (never)
    held |= {side for drained in of_kind(events, Drained) if drained.holding for side in SIDES}
    cancelled = _acted_on(events)
    told = [event.deployment for event in of_kind(events, DeploymentRead)]
    # A run keeps the id of a deployment that is deleted, and no server lists it by that (seen, 3.3.3 and 3.3.4).
    deployments = {one.id for one in told} - {one.id for one in told if one.deleted}
    last: dict[str, Listing] = {listing.when: listing for listing in of_kind(events, Listing)}
    # rule: recreated-new-id (always)
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
        read = states.get(run_id) if there else None  # rule: at-risk-listing-only-if-gone (gives None)
        # What was listed so and was never executed was not picked up, whatever its states say.
        never = since is not None and listed.is_in(state) and not since.get(run_id)
        # rule: executed-or-not-picked-up (without last)
        if not _was_at_risk(listed, read, state, answered_at) and (not never or run_id in cancelled):
            continue
        if there and run_id not in states:  # rule: states-were-read
            flaws.append(f"the state history of run {run_id} was never read")
        past = {AFTER: read, DRAINED: until_drained.get(run_id)}
        fate = fate_of(listed, seen, alive, state, held=listed.side in held, absolute=absolute, past=past, flaws=flaws)
        if run_id in cancelled and fate.fate == "altered":  # rule: harness-cancelled
            fate = replace(fate, fate="unknown", why=f"the harness itself did this after the door: {cancelled[run_id]}")
        # rule: recreated-same-tick, recreated-same-side
        fates.append(fate if fate.fate != "lost" else replace(fate, recreated=again.get((fate.side, fate.tick))))
    if since is not None:
        fates, of_executions = with_executions(fates, before, since, _declared(events))
        flaws += of_executions
    fates = with_unasked(fates, events, before, by_run.get(DRAINED, {}))
    twin_whole = _whole([fate for fate in fates if fate.side == "twin"])
    # rule: altered-only-if-twin-completed (always)
    fates = [_ended_otherwise_is_altered(fate, absolute=absolute) if twin_whole or absolute else fate for fate in fates]
    counts = {side: count([fate for fate in fates if fate.side == side]) for side in SIDES}
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
        word = seen_as(found, twin_answers=True)
        of_another = word == "there" and found[-1].deployment_id not in deployments
        for how, names in listed.items():
            if how != "by its id" and of_another:
                continue
            # rule: sources-agree-answer, sources-agree-listing
            if word in ("there", "gone") and (run_id in names) != (word == "there"):  # rule: sources-agree
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
    if (  # rule: at-risk-unless-picked-up (always)
        states is None
        or not answered_at
        # rule: at-risk-by-the-listing-if-replaced
        or not has_its_past(listed, states)
    ):
        return listed.is_in(state)  # rule: at-risk-by-the-listing-if-gone (gives False)
    ordered, answered = in_order(states), moment(answered_at)
    if listed.is_in(state):  # rule: at-risk-listed-before, at-risk-just-before-the-answer
        # What it was listed in came before the door, even where the answer's time is cut to a whole second.
        # rule: at-risk-until-the-answer
        later = [entry for entry in states_after(listed, ordered) if moment(entry.timestamp) <= answered]
        return not any(entry.type in _BEGUN and entry.type != state for entry in later)  # rule: at-risk-not-begun
    earlier = [entry for entry in ordered if moment(entry.timestamp) <= answered]
    return bool(earlier and in_state(state, earlier[-1].name, earlier[-1].type))


def _twin_answers(answers: Iterable[Answer]) -> bool:
    # rule: lost-only-twin-vouches (without first)
    return any(answer.side == "twin" and answer.status == 200 for answer in answers)


def _whole(fates: Sequence[RunFate]) -> bool:
    """Whether all completed and nothing else; a twin that was relabelled is a control that something happened to."""
    return bool(fates) and all(
        (fate.completed or fate.unasked)
        # rule: altered-twin-relabelled
        and not fate.relabelled
        for fate in fates
    )


def _ended_otherwise_is_altered(fate: RunFate, *, absolute: bool) -> RunFate:
    if not fate.ended_otherwise:
        return fate
    why = f"ended {fate.looks[DRAINED]}" + ("" if absolute else ", while the whole twin completed")
    return RunFate(**{**vars(fate), "fate": "altered", "why": why})
