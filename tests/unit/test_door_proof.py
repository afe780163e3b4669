"""What proves that the door was opened on the treated deployment, and on it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plain import Line, check_door, judge
from tests.unit.stories import ANSWERED_AT, NONCE, whole_history

WHOLE = ("completed",) * 3


def proven() -> list[Line]:
    """A history whose door is proven."""
    return whole_history(WHOLE, WHOLE)


def the_door(events: list[Line]) -> Line:
    (door,) = (event for event in events if event["kind"] == "door")
    return door


def read(events: list[Line], side: str, when: str) -> Line:
    """What a deployment was read as before or after the door."""
    (found,) = (e for e in events if e["kind"] == "deployment" and e["side"] == side and e.get("when") == when)
    deployment: Line = found["deployment"]
    return deployment


def test_a_proven_door_has_no_problem() -> None:
    assert check_door(proven()) == []


@pytest.mark.rule("error-never-opened", "A door that was never opened is an error that says so.")
def test_a_door_that_was_never_opened_is_said_to_be() -> None:
    assert check_door([event for event in proven() if event["kind"] != "door"]) == ["the door was never opened"]


@pytest.mark.parametrize("code", [1, 2, 137, -9, None])
def test_a_door_that_did_not_exit_0_is_quoted_by_its_last_words(code: int | None) -> None:
    events = proven()
    the_door(events).update(exit_code=code, output="╭──────╮\n│ Error: no pool │\n╰──────╯\n\n")
    assert check_door(events) == [f"prefect-deploy exited {code}: Error: no pool"]


def test_a_door_that_printed_nothing_is_said_to_have() -> None:
    events = proven()
    the_door(events).update(exit_code=1, output="")
    assert check_door(events) == ["prefect-deploy exited 1: it printed nothing"]


def another_nonce(events: list[Line]) -> None:
    read(events, "treated", "after")["description"] = "nonce-of-another-door"


def no_description(events: list[Line]) -> None:
    read(events, "treated", "after")["description"] = None


def nonce_before(events: list[Line]) -> None:
    read(events, "treated", "before")["description"] = NONCE


def never_answered(events: list[Line]) -> None:
    the_door(events)["answered_at"] = None


def unread(side: str, when: str) -> Callable[[list[Line]], None]:
    def drop(events: list[Line]) -> None:
        events[:] = [
            e for e in events if not (e["kind"] == "deployment" and (e["side"], e.get("when")) == (side, when))
        ]

    return drop


@pytest.mark.rule("error-nonce-before", "A nonce that stood in the deployment before the door proves nothing.")
@pytest.mark.rule("error-both-read", "Both deployments have to be read before and after the door.")
@pytest.mark.rule("error-door-not-proven", "A door that is not proven is an error.")
@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (another_nonce, "does not bear its nonce"),
        (no_description, "does not bear its nonce"),
        (nonce_before, "bore the nonce before"),
        (never_answered, "did not say when"),
        (unread("treated", "before"), "were not both read"),
        (unread("treated", "after"), "does not bear its nonce"),
        (unread("twin", "before"), "were not both read"),
        (unread("twin", "after"), "were not both read"),
    ],
)
def test_a_door_that_is_not_proven_is_an_error_that_says_why(plant: Callable[[list[Line]], None], words: str) -> None:
    events = proven()
    plant(events)
    assert any(words in problem for problem in check_door(events))
    assert judge(events).outcome == "error"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("description", "changed"),
        ("schedules", []),
        ("paused", True),
        ("concurrency_limit", 2),
        ("work_pool_name", "another"),
        ("work_queue_name", "another"),
    ],
)
def test_a_twin_that_changed_is_named_with_what_changed(key: str, value: object) -> None:
    events = proven()
    read(events, "twin", "after")[key] = value
    assert check_door(events) == [
        f"the twin's {key} changed, though the door was to touch the treated deployment alone"
    ]


def test_a_schedule_of_the_twin_with_a_new_id_is_a_change() -> None:
    events = proven()
    schedules = read(events, "twin", "after")["schedules"]
    read(events, "twin", "after")["schedules"] = [{**schedules[0], "id": "another"}]
    assert "the twin's schedules changed" in check_door(events)[0]


def test_updated_proves_nothing_either_way() -> None:
    events = proven()
    read(events, "twin", "after")["updated"] = ANSWERED_AT  # a worker's poll moves it
    assert check_door(events) == []
    read(events, "treated", "after")["description"] = "staged"
    assert "does not bear its nonce" in check_door(events)[0]


ONE = "PATCH /api/deployments/1 "
POST = "POST /api/deployments/ "


def by(proof: str, *lines: str, requests: tuple[str, ...] = (ONE,)) -> list[Line]:
    """A proven history whose door is to be proven in another way; the treated deployment is as it was."""
    events = proven()
    opens = next(event for event in events if event["kind"] == "door-opens")
    opens["proof"] = {"by": proof, "requests": list(requests), "effects": []}
    the_door(events).update(server_log=list(lines))
    read(events, "treated", "after").update(read(events, "treated", "before"))
    return events


def logged(request: str, status: int) -> str:
    return f'INFO:     172.18.0.3:52114 - "{request}HTTP/1.1" {status} No Content'


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_door_that_sends_no_nonce_is_proven_by_the_servers_own_log(status: int) -> None:
    assert check_door(by("request", logged(ONE, status))) == []


@pytest.mark.rule("error-request-not-2xx", "A request that was not answered with 2xx proves nothing.")
@pytest.mark.parametrize("status", [307, 404, 409, 422, 500, 503])
def test_a_request_that_the_log_does_not_show_answered_is_not_proven(status: int) -> None:
    for events in (
        by("request"),
        by("request", logged(ONE, status)),
        by("request", logged(ONE.replace("1", "2"), 200)),
    ):
        (problem,) = check_door(events)
        assert "this server's access log has no 'PATCH /api/deployments/1'" in problem


@pytest.mark.rule("error-effect-missing", "A door whose effect the deployment does not show is not proven.")
@pytest.mark.parametrize(
    ("effect", "was", "became"),
    [
        ({"field": "paused", "how": "becomes", "value": True}, False, True),
        ({"field": "work_pool_name", "how": "changes"}, "one", "another"),
        ({"field": "schedules", "how": "stays"}, [{"slug": None}], [{"slug": None}]),
        ({"field": "schedules", "how": "has", "value": {"slug": "x"}}, [{"slug": "x", "id": "1"}], [{"slug": "x"}]),
    ],
)
def test_a_door_whose_effect_the_deployment_does_not_show_is_not_proven(effect: Line, was: Any, became: Any) -> None:
    events = by("request", logged(ONE, 204))
    next(event for event in events if event["kind"] == "door-opens")["proof"]["effects"] = [effect]
    for when, value in (("before", was), ("after", became)):
        read(events, "treated", when)[effect["field"]] = value
    assert check_door(events) == []
    for before, after in ((was, []), ([], became)) if effect["how"] in ("stays", "has") else ((was, was),):
        read(events, "treated", "before")[effect["field"]] = before
        read(events, "treated", "after")[effect["field"]] = after
        (problem,) = check_door(events)
        assert f"does not show what it was to do ({effect['field']} {effect['how']}" in problem


def test_an_effect_as_a_history_had_it_before_schema_6_is_still_read() -> None:
    events = by("request", logged(ONE, 204))
    opens = next(event for event in events if event["kind"] == "door-opens")
    del opens["proof"]
    the_door(events).update(proof="request", requests=[ONE])
    events.append({"kind": "effect", "at": ANSWERED_AT, "door": "prefect-deploy", "shown": True})
    assert check_door(events) == []
    events[-1]["shown"] = False
    (problem,) = check_door(events)
    assert "does not show what it was to do" in problem


def test_each_of_several_requests_is_wanted() -> None:
    wanted = (ONE, "DELETE /api/deployments/1/schedules/")
    assert len(check_door(by("request", logged(ONE, 204), requests=wanted))) == 1


@pytest.mark.rule("error-redeploy-elsewhere", "The POST of another deployment does not prove a redeploy.")
def test_a_redeploy_is_proven_by_its_own_patch_or_by_new_schedules() -> None:
    assert check_door(by("redeploy", logged(ONE, 204))) == []
    posted = by("redeploy", logged(POST, 200))
    assert "no 'PATCH /api/deployments/1'" in check_door(posted)[0], "another trial may have sent that POST"
    read(posted, "treated", "after")["schedules"] = [{"id": "made anew"}]
    assert check_door(posted) == []
    the_door(posted)["server_log"] = []
    assert check_door(posted) != []


def test_the_null_door_is_proven_by_nothing_having_changed() -> None:
    assert check_door(by("nothing")) == []
    changed = by("nothing")
    read(changed, "treated", "after")["paused"] = True
    assert check_door(changed) == ["the treated deployment's paused changed"]


def test_a_nonce_anywhere_on_the_twin_is_a_problem_even_if_nothing_else_of_it_changed() -> None:
    events = proven()
    for when in ("before", "after"):
        read(events, "twin", when)["name"] = f"twin-{NONCE}"
    assert check_door(events) == [
        "the twin bears the nonce of the door, which was to touch the treated deployment alone"
    ]


@pytest.mark.rule("twin-is-unchanged-in-all", "What the twin is going to run is compared too.")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parameters", {"note": "another"}),
        ("tags", ["another"]),
        ("job_variables", {"env": {}}),
        ("entrypoint", "another"),
    ],
)
def test_what_the_twin_is_going_to_run_is_held_to_what_it_was(key: str, value: object) -> None:
    events = proven()
    read(events, "twin", "after")[key] = value
    assert check_door(events) == [
        f"the twin's {key} changed, though the door was to touch the treated deployment alone"
    ]
