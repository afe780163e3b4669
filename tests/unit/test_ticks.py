"""Each time that a schedule names has exactly one run, whatever its state, and both ways to miss that are told."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plain import Line, check_ticks

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
RULE = {"rrule": "DTSTART:20300101T000000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=5", "timezone": "UTC"}
DUE = [START + timedelta(seconds=number) for number in range(5)]
ANSWERED = START + timedelta(seconds=2)


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def history(
    treated: list[datetime],
    twin: list[datetime] = DUE,
    *,
    before: list[datetime] = DUE,
    after: dict[str, Any] | None = None,
    schedule: dict[str, Any] = RULE,
) -> list[Line]:
    """A history in which these runs are there at the end; `after` is what the door made of the treated deployment."""
    deployment = {"id": "1", "paused": False, "schedules": [{"id": "1", "active": True, "schedule": schedule}]}
    now = {"treated": {**deployment, **(after or {})}, "twin": deployment}
    sides = {"treated": treated, "twin": twin}
    end = START + timedelta(minutes=1)
    return [
        *({"kind": "deployment", "side": side, "when": "before", "deployment": deployment} for side in sides),
        {
            "kind": "listing",
            "when": "before the door",
            "at": stamp(ANSWERED),
            "runs": runs(dict.fromkeys(sides, before)),
        },
        {"kind": "door", "door": "x", "nonce": "n", "answered_at": stamp(ANSWERED)},
        *({"kind": "deployment", "side": side, "when": "after", "deployment": now[side]} for side in sides),
        {"kind": "listing", "when": "after the drain", "at": stamp(end), "runs": runs(sides)},
    ]


def runs(ticks: dict[str, list[datetime]]) -> list[dict[str, Any]]:
    return [
        {
            "run": f"{side}-{number}",
            "side": side,
            "expected_start_time": stamp(tick),
            "auto_scheduled": True,
            "state_name": "Late",
        }
        for side, moments in ticks.items()
        for number, tick in enumerate(moments)
    ]


@pytest.mark.rule("tick-missing", "A tick without a run is missing.")
@pytest.mark.rule("tick-duplicate", "A tick with several runs is a duplicate.")
@given(st.lists(st.sampled_from(DUE), max_size=10))
def test_missing_and_duplicate_are_counted_whatever_runs_there_are(made: list[datetime]) -> None:
    found = check_ticks(history(made))
    assert found.missing == tuple(tick.isoformat() for tick in DUE if tick not in made)
    assert found.duplicate == tuple(tick.isoformat() for tick in DUE if made.count(tick) > 1)
    assert found.outcome == ("missing" if found.missing else "duplicate" if found.duplicate else "whole")
    assert found.expected == len(DUE)


def test_a_twin_whose_ticks_are_not_whole_forbids_a_verdict() -> None:
    assert check_ticks(history(DUE[1:], DUE[1:])).outcome == "inconclusive"
    assert check_ticks(history(DUE, [*DUE, DUE[0]])).outcome == "inconclusive"


@pytest.mark.rule(
    "tick-due-until-the-door", "A tick of a schedule that the door stopped is due only if it came before the door."
)
@pytest.mark.parametrize("after", [{"paused": True}, {"schedules": []}, {"deleted": True, "schedules": []}])
def test_what_the_door_stopped_is_due_only_up_to_the_door(after: dict[str, Any]) -> None:
    found = check_ticks(history(DUE[:3], after=after))
    assert (found.outcome, found.expected) == ("whole", 3)
    assert check_ticks(history(DUE[1:3], after=after)).missing == (DUE[0].isoformat(),)


def test_what_a_changed_schedule_names_after_the_door_is_due() -> None:
    later = [START + timedelta(seconds=30 + number) for number in range(2)]
    rule = {"rrule": "DTSTART:20300101T000030\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=2", "timezone": "UTC"}
    after = {"schedules": [{"id": "2", "active": True, "schedule": rule}]}
    assert check_ticks(history([*DUE[:3], *later], after=after)).outcome == "whole"
    assert check_ticks(history([*DUE[:3], later[0]], after=after)).missing == (later[1].isoformat(),)


@pytest.mark.rule("tick-stays-through-a-redeploy", "A deploy of the file as it was takes no tick from its schedules.")
def test_a_tick_that_was_named_before_a_deploy_of_the_same_file_stays_due() -> None:
    moved = {"rrule": "DTSTART:20300101T050000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=5", "timezone": "UTC"}
    after = {"schedules": [{"id": "2", "active": True, "schedule": moved}]}
    deployed: Line = {
        "kind": "door-opens",
        "door": "x",
        "nonce": "n",
        "proof": {"by": "redeploy", "requests": ["PATCH"]},
    }
    lines = history(DUE[:3], after=after)
    assert check_ticks(lines).outcome == "whole"
    found = check_ticks([deployed, *lines])
    assert (found.outcome, found.missing) == ("missing", tuple(tick.isoformat() for tick in DUE[3:]))
    assert check_ticks([deployed, *history(DUE, after=after)]).outcome == "whole"


@pytest.mark.rule("tick-nothing-was-due", "If no tick was due of a schedule that goes on, ticks have no verdict.")
def test_where_no_tick_of_the_treated_deployment_was_due_nothing_is_shown() -> None:
    ahead = DUE[3:]
    late = {"rrule": "DTSTART:20300101T000003\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=2", "timezone": "UTC"}
    later = {"rrule": "DTSTART:20300101T050000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=2", "timezone": "UTC"}
    moved = {"schedules": [{"id": "2", "active": True, "schedule": later}]}
    found = {
        name: check_ticks(history([], ahead, before=ahead, schedule=late, after=after)).outcome
        for name, after in (("moved", moved), ("stopped", {"schedules": []}), ("paused", {**moved, "paused": True}))
    }
    assert found == {"moved": "inconclusive", "stopped": "whole", "paused": "whole"}


@pytest.mark.rule(
    "tick-nothing-due-of-another-schedule",
    "Of a deployment that was due no tick by a schedule of its own, none is said.",
)
@pytest.mark.rule("tick-same-schedules", "Ticks that the twin alone was due are in doubt if both have its schedule.")
@pytest.mark.rule("schedule-but-for-its-start", "A schedule is the same whenever a deploy had it begin.")
def test_a_deployment_with_a_rarer_schedule_than_the_twin_may_be_due_no_tick() -> None:
    often, rarely = ({"interval": seconds, "anchor_date": "2030-01-01T00:00:00Z"} for seconds in (60, 86_400))
    minute = [START + timedelta(minutes=1)]  # the last observation

    def of(own: dict[str, Any], made: list[datetime], twin: list[datetime] = minute) -> str:
        """What is said where the treated has a schedule of its own and these runs, and the twin is due one a minute."""
        deployment = {"id": "1", "paused": False, "schedules": [{"id": "1", "active": True, "schedule": own}]}
        lines = history(made, twin, before=[], schedule=often)
        treated = {"side": "treated", "deployment": deployment}
        return check_ticks([{**line, **(treated if line.get("side") == "treated" else {})} for line in lines]).outcome

    assert of(rarely, []) == ""
    assert of(often, minute) == "whole"
    assert of({**often, "anchor_date": "2030-01-01T00:00:01Z"}, []) == "inconclusive"
    assert of(rarely, 2 * [START + timedelta(days=1)]) == "duplicate"
    assert of(rarely, [], []) == "inconclusive", "the twin lacks its own"


@pytest.mark.rule("tick-first-is-named", "The first tick that counts is one that the schedule names.")
def test_what_an_earlier_schedule_made_names_no_first_tick() -> None:
    earlier = START - timedelta(seconds=30)
    made = [earlier, *DUE[1:]]
    assert check_ticks(history(made, [earlier, *DUE], before=[earlier, *DUE[1:]])).outcome == "whole"


@pytest.mark.rule("tick-not-by-hand", "A run that a person created belongs to no tick.")
def test_a_run_that_a_person_made_is_no_tick() -> None:
    events = history(DUE)
    extra = {**events[-1]["runs"][0], "auto_scheduled": False, "run": "a person's"}
    events[-1]["runs"].append(extra)
    assert check_ticks(events).outcome == "whole"


@pytest.mark.parametrize("gone", ["listing", "door", "deployment"])
def test_a_history_that_was_cut_short_has_no_verdict(gone: str) -> None:
    events = [event for event in history(DUE) if event["kind"] != gone]
    assert check_ticks(events).outcome == "inconclusive"


def upcoming(events: list[Line], *, ticks: int = len(DUE), state: str = "COMPLETED") -> list[Line]:
    """The same as of a trial that is judged by its ticks, its door an hour before the first of them."""
    for event in events:
        if event["kind"] == "door":
            event["answered_at"] = stamp(START - timedelta(hours=1))
        for run in event.get("runs", ()):
            run["state_type"] = state if run["side"] == "treated" else "COMPLETED"
    return [{"kind": "trial", "state": "Scheduled", "minimum": 1, "judged_by": "ticks", "ticks": ticks}, *events]


@pytest.mark.rule("upcoming-twin-was-due", "If ticks are the verdict, the twin's must have been due.")
@pytest.mark.rule("upcoming-lay-ahead", "If ticks are the verdict, they lay ahead of the door.")
def test_where_ticks_are_the_verdict_they_lay_ahead_of_the_door_were_due_and_ran() -> None:
    assert check_ticks(upcoming(history(DUE))).outcome == "whole"
    assert check_ticks(upcoming(history(DUE), ticks=len(DUE) + 1)).outcome == "inconclusive"
    assert check_ticks(upcoming(history(DUE), state="CANCELLED")).outcome == "missing"
    paused = upcoming(history(DUE[:2], after={"paused": True}))
    assert (check_ticks(paused).outcome, len(check_ticks(paused).missing)) == ("missing", 3)
    late = [
        {"kind": "trial", "state": "Scheduled", "minimum": 1, "judged_by": "ticks", "ticks": len(DUE)},
        *history(DUE),
    ]
    assert check_ticks(late).outcome == "inconclusive"
    assert "past when the door was answered" in check_ticks(late).reason


@pytest.mark.rule("upcoming-has-an-end", "A schedule that goes on has ticks at any time: those need not lie ahead.")
def test_ticks_of_a_schedule_that_goes_on_need_not_lie_ahead_of_the_door() -> None:
    first = {"kind": "trial", "state": "Scheduled", "minimum": 1, "judged_by": "ticks", "ticks": 2}
    endless = {"interval": 15.0, "anchor_date": stamp(START), "timezone": "UTC"}
    made = [START + timedelta(seconds=number) for number in (0, 15, 30, 45, 60)]
    there = history(made, made, before=made, schedule=endless)
    assert check_ticks([first, *there]).outcome == "whole"
    lacks = history([*made[:2], *made[3:]], made, before=made, schedule=endless)
    found = check_ticks([first, *lacks])
    assert (found.outcome, found.missing) == ("missing", (made[2].isoformat(),))


@pytest.mark.rule("tick-ran-if-completed", "A tick's run that completed ran, whatever state it was given after that.")
@pytest.mark.rule("tick-never-ran", "A tick's run that never was Running did not complete.")
def test_a_run_that_completed_and_was_called_otherwise_after_that_ran() -> None:
    events = upcoming(history(DUE), state="CRASHED")
    for run in (run for event in events if event["kind"] == "listing" for run in event["runs"]):
        run["state_timestamp"] = "2030-01-01T00:00:31Z"
    ran = {"name": "Running", "type": "RUNNING", "timestamp": "2030-01-01T00:00:29Z"}
    called = [
        {"name": "Completed", "type": "COMPLETED", "timestamp": "2030-01-01T00:00:30Z"},
        {"name": "Crashed", "type": "CRASHED", "timestamp": "2030-01-01T00:00:31Z"},
    ]

    def read(side: str, states: list[dict[str, str]]) -> list[Line]:
        return [
            {"kind": "states", "when": "after the drain", "run": f"{side}-{number}", "states": states}
            for number in range(len(DUE))
        ]

    sound = [*events, *read("treated", [ran, *called]), *read("twin", [ran, *called])]
    assert check_ticks(sound).outcome == "whole"
    assert check_ticks([*events, *read("treated", called), *read("twin", [ran, *called])]).outcome == "missing"
    assert check_ticks(events).outcome == "missing"


@pytest.mark.rule("tick-row-twice", "A run that a listing shows twice is one run.")
def test_a_row_twice_in_a_listing_is_one_run() -> None:
    events = history(DUE)
    for event in (event for event in events if event["kind"] == "listing"):
        event["runs"] = event["runs"] * 2
    assert check_ticks(events).outcome == "whole"


DEPLOYMENT, FAST, SLOW, ANEW = (f"{number}0000000-0000-4000-8000-000000000000" for number in range(1, 5))
SLOWLY = {"rrule": "DTSTART:20300101T000000\nRRULE:FREQ=SECONDLY;INTERVAL=2;COUNT=2", "timezone": "UTC"}  # 0 and 2 s


def of_two(runs_of: dict[str, list[int]], *, keyed: bool = True, known: bool = True, after: str = SLOW) -> list[Line]:
    """A history of two schedules that meet at 0 and 2 s: the seconds of the treated deployment's runs, by schedule.

    `keyed`: the server keeps the runs of schedules apart; `known`: it says whose a run is, and not by the key alone.
    The door makes the second schedule anew, under the id `after`.
    """

    def two(slow: str) -> list[dict[str, Any]]:
        return [
            {"id": FAST, "active": True, "schedule": RULE},
            {"id": slow, "active": True, "schedule": SLOWLY},
        ]

    whole = {FAST: [0, 1, 2, 3, 4], SLOW: [0, 2] if keyed else []}
    events = history([], [], before=[], after={"schedules": two(after)})
    for event in (one for one in events if one["kind"] == "deployment" and one["when"] == "before"):
        event["deployment"] = {**event["deployment"], "schedules": two(SLOW)}
    for event in (one for one in events if one["kind"] == "deployment" and one["side"] == "twin"):
        event["deployment"] = {**event["deployment"], "schedules": two(SLOW)}
    for event in (one for one in events if one["kind"] == "listing"):
        drained = event["when"] == "after the drain"
        event["runs"] = [
            {
                "run": f"{side}-{schedule}-{number}",
                "side": side,
                "expected_start_time": stamp(START + timedelta(seconds=second)),
                "auto_scheduled": True,
                "state_name": "Late",
                "idempotency_key": f"scheduled {DEPLOYMENT} {f'{schedule} ' if keyed else ''}2030-01-01 00:00:00+00:00",
                "schedule_id": schedule if known else None,
            }
            for side in ("treated", "twin")
            for schedule, seconds in (runs_of if drained and side == "treated" else whole).items()
            for number, second in enumerate(seconds)
        ]
    return events


def seconds_of(ticks: tuple[str, ...]) -> list[int]:
    return [DUE.index(datetime.fromisoformat(tick)) for tick in ticks]


@pytest.mark.rule("tick-owed-to-each-schedule", "Two schedules that meet at a time are owed two runs.")
@pytest.mark.parametrize("known", [True, False])
def test_two_schedules_that_meet_are_owed_two_runs(known: bool) -> None:
    whole = check_ticks(of_two({FAST: [0, 1, 2, 3, 4], SLOW: [0, 2]}, known=known))
    assert (whole.outcome, whole.expected) == ("whole", 7), whole.reason
    one_less = check_ticks(of_two({FAST: [0, 1, 2, 3, 4], SLOW: [0]}, known=known))
    assert (one_less.outcome, seconds_of(one_less.missing)) == ("missing", [2])
    none = check_ticks(of_two({FAST: [0, 1, 3, 4], SLOW: [0]}, known=known))
    assert (none.outcome, seconds_of(none.missing)) == ("missing", [2, 2])
    three = check_ticks(of_two({FAST: [0, 1, 2, 2, 3, 4], SLOW: [0, 2]}, known=known))
    assert (three.outcome, seconds_of(three.duplicate)) == ("duplicate", [2])


@pytest.mark.rule("tick-own-schedule", "A run of a schedule is that schedule's tick.")
@pytest.mark.rule("tick-of-another-schedule", "A run of one schedule is no tick of another one that meets it.")
@pytest.mark.rule("tick-twice-by-one-schedule", "A schedule that has two runs at one time has a duplicate.")
@pytest.mark.parametrize("known", [True, False])
def test_a_schedule_that_ran_twice_does_not_make_up_for_another_that_did_not(known: bool) -> None:
    found = check_ticks(of_two({FAST: [0, 1, 2, 2, 3, 4], SLOW: [0]}, known=known))
    assert (found.outcome, seconds_of(found.missing), seconds_of(found.duplicate)) == ("missing", [2], [2])


def test_a_run_of_a_schedule_that_a_deploy_made_anew_is_that_schedules_tick() -> None:
    # The door is answered at 2 s, and names the schedule by another id from then on; its tick of 2 s came before.
    runs_of = {FAST: [0, 1, 2, 3, 4], SLOW: [0], ANEW: [2]}
    assert check_ticks(of_two(runs_of, after=ANEW)).outcome == "whole"
    assert check_ticks(of_two({**runs_of, SLOW: [0, 2]}, after=ANEW)).outcome == "duplicate"


@pytest.mark.rule(
    "tick-one-run-of-old", "Where a server does not keep schedules apart, those that meet are owed one run."
)
def test_a_server_of_old_makes_one_run_where_two_schedules_meet() -> None:
    found = check_ticks(of_two({FAST: [0, 1, 2, 3, 4]}, keyed=False, known=False))
    assert (found.outcome, found.expected) == ("whole", 5), found.reason
    assert check_ticks(of_two({FAST: [0, 1, 2, 3, 4], SLOW: [2]}, keyed=False)).outcome == "duplicate"


def with_another(**of_it: Any) -> dict[str, Any]:
    """What a door made of the deployment that added a schedule of the same ticks."""
    return {"schedules": [{"id": "1", "active": True, "schedule": RULE}, {"id": "2", "active": True, **of_it}]}


@pytest.mark.rule("tick-other-parameters", "Schedules that meet and give other parameters are owed a run each.")
def test_schedules_of_other_parameters_that_meet_are_owed_two_runs_by_a_server_of_old_too() -> None:
    another = with_another(schedule=RULE, parameters={"note": "another"})
    found = check_ticks(history(DUE, after=another))
    assert (found.outcome, seconds_of(found.missing)) == ("missing", [3, 4])  # the door was answered at 2 s
    assert check_ticks(history([*DUE, *DUE[3:]], after=another)).outcome == "whole"
    assert check_ticks(history(DUE, after=with_another(schedule=RULE, parameters={}))).outcome == "whole"


@pytest.mark.rule("tick-owed-ahead", "What is made ahead of the last observation is owed to each schedule, too.")
def test_two_schedules_have_two_runs_at_a_tick_after_the_last_observation() -> None:
    endless = {"interval": 15.0, "anchor_date": stamp(START), "timezone": "UTC"}
    one = {"id": "1", "active": True, "schedule": endless}
    another = {**one, "id": "2", "parameters": {"note": "another"}}
    before = [START + timedelta(seconds=number) for number in (0, 15, 30, 45, 60, 75)]
    both = [*before, *before[1:]]  # the door was answered at 2 s, and the last observation is at 60 s
    lines = history(both, before, before=before, schedule=endless, after={"schedules": [one, another]})
    assert check_ticks(lines).outcome == "whole"
    found = check_ticks(
        history([*both, before[5]], before, before=before, schedule=endless, after={"schedules": [one, another]})
    )
    assert (found.outcome, found.duplicate) == ("duplicate", (before[5].isoformat(),))


@pytest.mark.rule("upcoming-added-schedule", "If ticks are the verdict, a schedule that the door added is owed runs.")
def test_where_ticks_are_the_verdict_an_added_schedule_is_owed_its_own_runs() -> None:
    another = with_another(schedule=RULE, parameters={"note": "another"})
    assert check_ticks(upcoming(history(DUE, after=another))).outcome == "missing"
    assert check_ticks(upcoming(history([*DUE, *DUE], after=another))).outcome == "whole"


def test_an_endless_schedule_is_asked_for_from_the_first_tick_that_has_a_run_up_to_the_last_observation() -> None:
    every = {"interval": 1.0, "anchor_date": "2020-01-01T00:00:00Z", "timezone": "UTC"}
    whole = [START + timedelta(seconds=second) for second in range(1, 61)]
    listed = [START + timedelta(seconds=second) for second in range(1, 20)]
    found = check_ticks(history(whole, whole, before=listed, schedule=every))
    assert (found.outcome, found.expected) == ("whole", 60), found.reason
    lacking = check_ticks(history([*whole[:30], *whole[31:]], whole, before=listed, schedule=every))
    assert (lacking.outcome, lacking.missing) == ("missing", (whole[30].isoformat(),))
