"""The promise that a door changes no setting but those that it is to change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plain import Line, ask
from tests.unit.promised import ONE, OTHER_RULE, TWO, deployment, outcome, reason, schedule, trial
from tests.unit.stories import NONCE

NONCED = {"by": "nonce", "requests": [], "effects": []}


def after(
    proof: Line | None = None, *, between: Line | None = None, before: Line | None = None, **now: Any
) -> list[Line]:
    """A trial after whose door the treated deployment is so."""
    read = {"before": before or deployment(), "after": deployment(**{"description": NONCE, **now})}
    return trial(treated={**read, **({"between": between} if between else {})}, proof=proof)


def test_a_deploy_that_changes_the_description_alone_and_the_ids_of_schedules_keeps_it() -> None:
    assert outcome("settings", after(schedules=[schedule(TWO)])) == "held"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"paused": True}, "its paused was False, and is True"),
        ({"work_queue_name": "another"}, "its work queue name was 'default', and is 'another'"),
        ({"parameters": {"a": 1}}, "its parameters was {}, and is {'a': 1}"),
        ({"tags": ["new"]}, "its tags was [], and is ['new']"),
        ({"job_variables": {"a": 1}}, "its job variables was {}, and is {'a': 1}"),
        ({"limit": 1}, "its limit was None, and is 1"),
        ({"schedules": []}, "is gone"),
        ({"schedules": [schedule(), schedule(TWO, schedule=OTHER_RULE)]}, "it has a schedule that it had not"),
        ({"schedules": [schedule(parameters={"a": 1})]}, "the parameters of its schedule"),
        ({"schedules": [schedule(schedule=OTHER_RULE)]}, "the schedule of its schedule"),
    ],
)
def test_a_setting_that_nobody_asked_to_change_breaks_it(now: Line, said: str) -> None:
    lines = after(**now)
    assert (outcome("settings", lines), said in reason("settings", lines)) == ("broken", True), reason(
        "settings", lines
    )


@pytest.mark.rule("settings-schedule-switched", "A schedule that a deploy switched on breaks the promise of settings.")
@pytest.mark.rule("settings-of-the-last-step", "Of a door of two steps, what the last one changed counts.")
@pytest.mark.rule(
    "schedule-made-anew", "A schedule without a slug that a deploy made anew is the same by its definition."
)
def test_a_schedule_that_was_switched_off_between_and_is_on_again_breaks_it() -> None:
    off = deployment(schedules=[schedule(active=False)])
    lines = after(between=off, schedules=[schedule(TWO)])
    assert outcome("settings", lines) == "broken"
    assert "was inactive, and is active" in reason("settings", lines)
    assert outcome("settings", after(between=off, schedules=[schedule(ONE, active=False)])) == "held"


def every_ten_seconds(begins: str, zone: str = "UTC") -> Line:
    return {"rrule": f"DTSTART:{begins}\nFREQ=SECONDLY;INTERVAL=10", "timezone": zone}


@pytest.mark.rule("schedule-begins-later", "A rule that a deploy begins later, and that ticks alike, is the same.")
@pytest.mark.parametrize(
    ("begins", "said"),
    [("20291231T235900", "held"), ("20291231T235901", "broken"), ("20300101T050000", "broken")],
)
def test_a_rule_that_a_deploy_begins_later_is_the_same_if_it_ticks_alike_after_the_door(begins: str, said: str) -> None:
    was = deployment(schedules=[schedule(schedule=every_ten_seconds("20291231T220000"))])
    lines = after(before=was, schedules=[schedule(TWO, schedule=every_ten_seconds(begins))])
    assert outcome("settings", lines) == said, reason("settings", lines)
    elsewhere = every_ten_seconds(begins, "Europe/Paris")
    assert outcome("settings", after(before=was, schedules=[schedule(TWO, schedule=elsewhere)])) == "broken"


def test_a_schedule_with_a_slug_is_the_same_by_its_slug_alone() -> None:
    off = deployment(schedules=[schedule(slug="a", active=False)])
    again = {"between": off, "before": deployment(schedules=[schedule(slug="a")])}
    assert "was inactive, and is active" in reason("settings", after(**again, schedules=[schedule(TWO, slug="a")]))
    assert "is gone" in reason("settings", after(**again, schedules=[schedule(TWO, slug="b", active=False)]))


@pytest.mark.rule("settings-declared-by-the-proof", "What the proof of a door says that it changes breaks no promise.")
@pytest.mark.rule("settings-asked-for", "What whoever opens a door asks for breaks no promise of settings.")
@pytest.mark.parametrize("by", ["effects", "asks"])
@pytest.mark.parametrize("how", ["becomes", "changes"])
def test_what_a_door_declares_it_may_change(by: str, how: str) -> None:
    proof = {**NONCED, by: [{"field": "schedules", "how": how, "value": []}]}
    assert outcome("settings", after(proof, schedules=[])) == "held"
    assert outcome("settings", after(proof, schedules=[], paused=True)) == "broken"
    stays = {**NONCED, by: [{"field": "schedules", "how": "stays", "value": None}]}
    assert outcome("settings", after(stays, schedules=[])) == "broken"


@pytest.mark.rule("settings-with-the-nonce", "A field that holds the door's nonce is the door's own doing.")
def test_a_field_that_holds_the_nonce_is_the_doors_own_doing() -> None:
    assert outcome("settings", after(description="staged", parameters={"note": NONCE})) == "held"


@pytest.mark.parametrize(
    "now",
    [
        {"description": "another", "parameters": {"note": NONCE}}, {"parameters": {"note": NONCE}}, {"name": NONCE},
        {"work_queue_name": NONCE}, {"tags": [NONCE]},
    ],
)  # fmt: skip
def test_a_door_writes_its_nonce_into_one_field_and_changes_no_other(now: Line) -> None:
    """A door that writes it into the parameters has no reason to change the description."""
    assert outcome("settings", after(before=deployment(description="staged"), **now)) == "broken"


@pytest.mark.rule("settings-becomes-what-was-asked", "A field that became something else than was asked for counts.")
def test_what_became_something_else_than_was_asked_for_breaks_it() -> None:
    proof = {**NONCED, "asks": [{"field": "schedules", "how": "becomes", "value": []}]}
    assert outcome("settings", after(proof, schedules=[schedule(TWO, schedule=OTHER_RULE)])) == "broken"
    assert outcome("settings", after(proof)) == "held", "a deploy that leaves the schedules alone changes none"


def by_deeds(*deeds: str) -> Line:
    """The proof of a door that does these things to parts of the lab, such as `server stopped`."""
    return {"by": "deeds", "deeds": [dict(zip(("of", "what"), deed.split(), strict=True)) for deed in deeds]}


UPGRADED = by_deeds("server stopped", "upgrade started")


@pytest.mark.parametrize("proof", [by_deeds("server stopped", "server started"), by_deeds("worker killed"), UPGRADED])
def test_what_is_done_to_a_part_of_the_lab_changes_no_setting(proof: Line) -> None:
    assert outcome("settings", after(proof, description="staged")) == "held"
    assert outcome("settings", after(proof, description="staged", paused=True)) == "broken"
    assert outcome("settings", after(proof, description="staged", schedules=[])) == "broken"


@pytest.mark.rule("settings-of-another-release", "What a release had no word for, or another one, is no change.")
def test_a_later_release_may_say_more_of_a_deployment_and_nothing_else() -> None:
    earlier = deployment(schedules=[schedule(parameters=None)], concurrency_limit=1, tags=None)
    now: Line = {"description": "staged", "limit": 1, "tags": [], "schedules": [schedule()]}
    assert outcome("settings", after(UPGRADED, before=earlier, **now)) == "held"
    for changed in ({"schedules": [schedule(active=False)]}, {"paused": True}, {"work_queue_name": None}):
        assert outcome("settings", after(UPGRADED, before=earlier, **{**now, **changed})) == "broken"
    restarted = by_deeds("server stopped", "server started")
    assert outcome("settings", after(restarted, before=earlier, **now)) == "broken"


@pytest.mark.rule("settings-of-a-deploy", "What a door that is no deploy brings along breaks no promise of settings.")
def test_a_door_that_is_no_deploy_may_bring_other_changes_along() -> None:
    request = {"by": "request", "requests": ["DELETE "], "effects": []}
    assert outcome("settings", after(request, work_queue_name=None)) == "nothing"


def test_a_deployment_that_is_deleted_and_a_history_without_a_proof_have_nothing_to_look_at() -> None:
    lines = trial(treated={"before": deployment(), "after": {"deleted": True}})
    assert outcome("settings", lines) == "nothing"
    old = [line for line in after(paused=True) if line["kind"] != "door-opens"]
    old[0]["schema"] = 5
    assert outcome("settings", old) == "nothing"


def test_a_twin_that_changed_too_forbids_a_verdict() -> None:
    changed = deployment(paused=True)
    lines = trial(treated={"before": deployment(), "after": changed}, twin={"before": deployment(), "after": changed})
    said = ask("settings", lines)
    assert said and said.outcome == "inconclusive"
