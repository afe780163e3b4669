"""The fate of one run at risk: kept, progressed, altered or lost (docs/verdicts.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from harness.checkers._findings import RunFate
from harness.checkers._runs import (
    EXPECTED,
    GONE,
    IDENTITY,
    NEXT,
    has_completed,
    has_its_past,
    is_gone_for_good,
    same_instant,
)
from harness.words.facts import Answer, FlowRun, RunState
from harness.words.names import AFTER, DRAINED, ENDED, PICKED_UP, WAITS

REFUSED = "503 Service Unavailable"
_BY_TIME_ALONE = "Late"  # what a waiting run turns into when its time passes, whatever the door did
_WAITS_FOR_A_SLOT = "AwaitingConcurrencySlot"  # and is given another time each time that it asks for one


def seen_as(answers: Sequence[Answer] | None, twin_answers: bool) -> str:
    """One look's word on one run: `there`, `gone`, `unknown` (which is never a fate), or `not looked`.

    The last answers speak: the twin is asked for twice in a look, and what was there may be gone then.
    """
    if answers is None:
        return "not looked"
    last = list(takewhile(lambda answer: answer.status != 200, reversed(answers)))
    if not last and answers:
        return "there"
    if is_gone_for_good(last) and twin_answers:  # rule: lost-while-twin-answers (without last)
        return "gone"
    return "unknown"


def fate_of(
    listed: FlowRun,
    seen: Mapping[str, Sequence[Answer]],
    alive: Mapping[str, bool],
    state: str,
    *,
    held: bool,
    absolute: bool,
    past: Mapping[str, Sequence[RunState] | None],
    flaws: list[str],
) -> RunFate:
    looks = (AFTER, DRAINED)
    words = {when: seen_as(seen.get(when), alive.get(when, False)) for when in looks}
    last = {when: next((a for a in reversed(seen.get(when, ())) if a.status == 200), None) for when in looks}
    described = {when: _describe(words[when], last[when], seen.get(when, ())) for when in looks}
    # rule: lost-after-the-door (not the first)
    gone = [when for when, word in words.items() if word == "gone"]  # rule: lost-after-the-drain (first alone)
    if words[AFTER] == "gone" and words[DRAINED] == "there":  # rule: gone-and-back
        flaws.append(f"run {listed.run} was gone {AFTER} and there again {DRAINED}")
    first, final = last[AFTER], last[DRAINED]
    if gone:
        fate, why = "lost", f"404 {GONE!r} twice {gone[0]}" + ("" if absolute else ", while a run of the twin answered")
    elif unknown := [when for when, word in words.items() if word == "unknown"]:  # rule: no-answer-is-no-fate
        fate, why = "unknown", f"{unknown[0]} the server gave no usable answer: {described[unknown[0]]}"
    elif first is None:
        fate, why = "unknown", f"it was never looked up {AFTER}"
    elif hidden := [
        when
        for when, states in past.items()
        if states == [] and words[when] == "there"  # rule: states-are-shown (never)
    ]:
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
        stranded=(
            fate == "kept"
            and words[DRAINED] == "there"
            and not ran  # rule: stranded-never-ran
            # rule: stranded-nothing-held
            and not held
        ),
        ended_otherwise=(  # rule: altered-ended-otherwise (gives False)
            final_type in ENDED
            and not completed
            and fate in ("kept", "progressed")
            # rule: altered-not-by-busy-server
            and not given_up
        ),
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
        if look.state_type in ("CANCELLED", "CANCELLING"):  # rule: altered-cancelled
            return "altered", f"{look.state_name} {when}"
        # rule: altered-completed-never-ran
        if look.state_type == "COMPLETED" and not has_completed(look, past[when], since=listed):
            return "altered", f"{look.state_name} {when}, and never Running since it was listed"
    if (  # rule: kept-same-state-name
        first.is_in(state)
        # rule: kept-turned-late
        or (first.state_type in WAITS and first.state_name == _BY_TIME_ALONE)
    ):
        return "kept", f"{first.state_name} {AFTER}"
    if first.state_type in PICKED_UP:  # rule: progressed-picked-up
        return "progressed", f"{first.state_name} {AFTER}"
    return "altered", f"{first.state_name} {AFTER}, from {state}"


def _changed(listed: FlowRun, look: Answer, states: Sequence[RunState] | None) -> str:
    """What a run is not any more that it was when it was listed; empty where it is the same, with the same past."""
    waits = {look.state_type, listed.state_type} <= WAITS
    # rule: kept-slot-reschedules (without last)
    for_a_time = waits and _WAITS_FOR_A_SLOT not in (look.state_name, listed.state_name)
    keys = (
        *IDENTITY,
        EXPECTED,  # rule: tick-is-expected-start
        *((NEXT,) if for_a_time else ()),  # rule: altered-time
    )
    for key in keys:
        was, is_ = getattr(listed, key), getattr(look, key)
        # rule: kept-same-instant (without last)
        if was != is_ and not (key in (EXPECTED, NEXT) and same_instant(was, is_)):
            return f"{key} was {was!r} and is {is_!r}"
    if states and not has_its_past(listed, states):  # rule: altered-inserted-again
        return f"its states, without the {listed.state_name} that it was listed in, are those of another run"
    return ""


def _describe(word: str, answer: Answer | None, answers: Sequence[Answer]) -> str:
    if answer:
        return str(answer.state_name)
    if word == "gone":
        return "404"
    return "no answer" if not answers else f"{answers[-1].status} {str(answers[-1].body)[:80]}"
