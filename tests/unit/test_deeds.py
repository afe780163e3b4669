"""What a door did to parts of the lab is shown by how the engine saw each part before and after."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plain import Line, check_door, judge
from tests.unit.stories import NONCE, whole_history

WORKER = "worker-worker-outage--worker-kill"
RUNNING = {"state": "running", "pid": 7, "began": "then", "networks": 1}
ANOTHER = {"state": "running", "pid": 7, "began": "later", "networks": 1}
FROZEN = {**RUNNING, "state": "frozen"}
OFF = {**RUNNING, "networks": 0}
KILLED, STOPPED = ({"state": "ended", "pid": 7, "exit_code": code} for code in (-9, 0))


def act(what: str, before: Line, after: Line, **more: Any) -> Line:
    """A deed as the history has it."""
    seen = {"before": before, "after": after}
    return {"kind": "part", "at": "", "what": what, "of": "worker", "node": WORKER, **seen, **more}


def history(deeds: list[tuple[str, str]], acts: list[Line]) -> list[Line]:
    """A sound history whose door is to be proven by deeds, and in which this was done while it was open."""
    lines = whole_history(("completed",) * 3, ("completed",) * 3)
    lines[0]["door"] = "worker-kill"
    opens = next(line for line in lines if line["kind"] == "door-opens")
    closed = next(line for line in lines if line["kind"] == "door")
    proof = [{"what": what, "of": of} for what, of in deeds]
    opens.update(door="worker-kill", proof={"by": "deeds", "requests": [], "effects": [], "deeds": proof})
    closed["door"] = "worker-kill"
    read = {(line["side"], line.get("when")): line for line in lines if line["kind"] == "deployment"}
    for side in ("treated", "twin"):
        read[side, "after"]["deployment"] = read[side, "before"]["deployment"]
    lines[lines.index(closed) : lines.index(closed)] = [{**one, "at": closed["at"]} for one in acts]
    assert not any(NONCE in str(line.get("deployment")) for line in lines)
    return lines


SHOWN = [
    ("killed", RUNNING, KILLED),
    ("killed", RUNNING, {**KILLED, "exit_code": 137}),
    ("stopped", RUNNING, STOPPED),
    ("started", KILLED, RUNNING),
    ("frozen", RUNNING, FROZEN),
    ("thawed", FROZEN, RUNNING),
    ("cut off", RUNNING, OFF),
    ("connected", OFF, RUNNING),
]
NOT_SHOWN = [
    ("killed", RUNNING, STOPPED),
    ("killed", RUNNING, RUNNING),
    ("killed", KILLED, KILLED),
    ("stopped", RUNNING, FROZEN),
    ("started", KILLED, KILLED),
    ("started", RUNNING, ANOTHER),
    ("frozen", RUNNING, RUNNING),
    ("thawed", FROZEN, FROZEN),
    ("thawed", RUNNING, RUNNING),
    ("cut off", RUNNING, RUNNING),
    ("connected", OFF, OFF),
]


@pytest.mark.parametrize(("what", "before", "after"), SHOWN)
def test_a_deed_that_the_engine_saw_is_proven(what: str, before: Line, after: Line) -> None:
    assert check_door(history([(what, "worker")], [act(what, before, after)])) == []


@pytest.mark.rule("deeds-are-seen", "What was done to a part is proven by how the engine saw it before and after.")
@pytest.mark.parametrize(("what", "before", "after"), NOT_SHOWN)
def test_a_deed_that_the_engine_did_not_see_is_not_proven(what: str, before: Line, after: Line) -> None:
    lines = history([(what, "worker")], [act(what, before, after)])
    (problem,) = check_door(lines)
    assert problem.startswith(f"{WORKER}: worker {what}, and the engine saw")
    assert judge(lines).outcome == "error"


@pytest.mark.rule("deeds-all-done", "A door has to show each of its deeds, in order, and no other.")
@pytest.mark.parametrize(
    "acts",
    [
        [],
        [act("killed", RUNNING, KILLED)],
        [act("started", KILLED, ANOTHER), act("killed", RUNNING, KILLED)],
        [act("killed", RUNNING, KILLED), act("started", KILLED, ANOTHER), act("frozen", RUNNING, FROZEN)],
    ],
)
def test_a_door_that_did_less_or_more_than_it_was_to_is_not_proven(acts: list[Line]) -> None:
    (problem,) = check_door(history([("killed", "worker"), ("started", "worker")], acts))
    assert problem.startswith("the door was to show: worker killed, worker started; the history has:")


def test_what_a_fault_did_before_the_door_was_opened_is_no_deed_of_the_door() -> None:
    lines = history([("killed", "worker")], [act("killed", RUNNING, KILLED)])
    lines.insert(5, act("frozen", RUNNING, FROZEN, node="worker-worker-outage"))
    assert check_door(lines) == []


@pytest.mark.rule("deeds-own-worker", "A door on the worker of another pool is not proven.")
def test_the_worker_of_the_twin_is_not_the_one_that_was_to_be_killed() -> None:
    lines = history([("killed", "worker")], [act("killed", RUNNING, KILLED, node="worker-worker-outage")])
    assert check_door(lines) == [f"worker-worker-outage: it is not {WORKER}, the treated deployment's own"]


@pytest.mark.rule("deeds-own-part", "A deed on the server is done to the lab's server, and not to something else.")
@pytest.mark.parametrize("of", ["server", "database"])
def test_what_is_done_to_another_node_is_not_done_to_the_server(of: str) -> None:
    done = {"state": "ended", "pid": 7, "exit_code": 0}
    assert check_door(history([("stopped", of)], [act("stopped", RUNNING, done, of=of, node=of)])) == []
    lines = history([("stopped", of)], [act("stopped", RUNNING, done, of=of, node=WORKER)])
    assert check_door(lines) == [f"{WORKER}: it is not the lab's {of}"]


def killed_process(run: str) -> Line:
    """The process of a run was killed; it was no child of the harness, which so knows no exit code."""
    more = {"of": "flow run", "node": "worker-worker-outage", "run": run, "runs": [run]}
    return act("killed", RUNNING, {"state": "ended", "pid": 7}, **more)


def test_as_many_flow_processes_may_be_killed_as_there_are() -> None:
    acts = [killed_process(f"treated-run-{number}") for number in range(2)]
    assert check_door(history([("killed", "flow run")], acts)) == []


@pytest.mark.rule("deeds-own-run", "A door that kills the process of another deployment's run is not proven.")
@pytest.mark.parametrize("run", ["twin-run-0", "of-another-trial"])
def test_the_process_of_a_run_of_the_twin_is_not_one_that_was_to_be_killed(run: str) -> None:
    (problem,) = check_door(history([("killed", "flow run")], [killed_process(run)]))
    assert f"run {run}, whose process was killed, is none of the treated deployment's" in problem


def test_a_proof_by_deeds_that_names_none_is_no_proof() -> None:
    found = judge(history([], []))
    assert (found.outcome, "it is by deeds, and names none" in found.reason) == ("error", True)


@pytest.mark.rule("absolute-twin-may-change", "A door on the server may change the twin, too.")
@pytest.mark.parametrize("reach", ["", "server"])
def test_what_a_door_on_the_server_did_to_the_twin_is_no_fault_of_its_proof(reach: str) -> None:
    ended = {"state": "ended", "pid": 7, "exit_code": 0}
    acts = [
        act("stopped", RUNNING, ended, of="server", node="server"),
        act("started", ended, ANOTHER, of="server", node="server"),
    ]
    lines = history([("stopped", "server"), ("started", "server")], acts)
    lines[0]["reach"] = reach
    for line in lines:
        if line["kind"] == "deployment" and line.get("when") == "after":
            line["deployment"] = {**line["deployment"], "paused": True}
    assert check_door(lines) == ([] if reach else [
        "the twin's paused changed, though the door was to touch the treated deployment alone"
    ])  # fmt: skip
