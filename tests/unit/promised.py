"""Histories for tests of promises: a sound trial's, with deployments and runs as a test wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.unit.plain import Line, ask
from tests.unit.stories import ANSWERED_AT, NONCE, whole_history

SOUND = ("completed",) * 3
BEFORE, AFTER, DRAINED = "before the door", "after the door", "after the drain"
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
RULE = {"rrule": "DTSTART:20300101T000100\nRRULE:FREQ=SECONDLY;INTERVAL=2;COUNT=3", "timezone": "UTC"}
OTHER_RULE = {"rrule": "DTSTART:20990101T000000\nRRULE:FREQ=DAILY;INTERVAL=1;COUNT=1", "timezone": "UTC"}
EARLY, LATE = "2030-01-01T00:00:05Z", "2030-01-01T00:00:25Z"  # before the door was opened, and after it was answered
AHEAD = "2030-01-01T00:01:00Z"  # when a run may be due that lay ahead of the door
LISTED = {"state_type": "SCHEDULED", "state_name": "Scheduled"}


def schedule(id_: str = ONE, **of: Any) -> Line:
    """A schedule of a deployment."""
    return {"id": id_, "active": True, "slug": None, "schedule": RULE, "parameters": {}, **of}


def deployment(**of: Any) -> Line:
    """A deployment as it was read; by default with one schedule."""
    return {
        "description": "staged", "paused": False, "parameters": {}, "tags": [], "job_variables": {},
        "entrypoint": "flow.py:treated", "work_pool_name": "worker-outage", "work_queue_name": "default",
        "concurrency_limit": None, "limit": None, "schedules": [schedule()], **of,
    }  # fmt: skip


def key(of: str, tick: str = AHEAD) -> str:
    """The key of a run that this schedule made."""
    return f"scheduled {TWO} {of} {tick}"


def run(name: str, side: str = "treated", **of: Any) -> Line:
    """A run that the scheduler made, as a listing has it."""
    return {
        "run": name, "side": side, "name": name, "deployment_id": f"deployment-{side}", "auto_scheduled": True,
        "expected_start_time": AHEAD, "parameters": {}, "created": EARLY, "state_id": f"{name}-1", "run_count": 0,
        "state_timestamp": EARLY, "idempotency_key": key(ONE), **LISTED, **of,
    }  # fmt: skip


def trial(
    *,
    treated: Mapping[str, Line] | None = None,
    twin: Mapping[str, Line] | None = None,
    runs: Mapping[str, Iterable[Line]] | None = None,
    proof: Line | None = None,
    marks: Iterable[Line] = (),
) -> list[Line]:
    """The history of a sound trial.

    treated, twin  readings of the deployments, by when; `before` and `after` are always there
    runs           more runs that a listing has, by its name; each completes in time
    proof          of the door
    marks          executions, in place of those that there were
    """
    read = {"treated": {"before": deployment(), "after": deployment(description=NONCE), **(treated or {})},
            "twin": {"before": deployment(), "after": deployment(), **(twin or {})}}  # fmt: skip
    more = {when: list(of) for when, of in (runs or {}).items()}
    lines: list[Line] = []
    for line in whole_history(SOUND, SOUND):
        when = line.get("when")
        if line["kind"] == "deployment" and when:
            lines.append({**line, "deployment": _read(line["side"], read[line["side"]][when])})
            if when == "before" and line["side"] == "treated" and "between" in read["treated"]:
                between = _read("treated", read["treated"]["between"])
                lines.append({**line, "when": "between", "deployment": between})
        elif line["kind"] == "listing":
            lines.append({**line, "runs": [*line["runs"], *more.get(str(when), ())], **_named(line, more)})
        elif line["kind"] == "door-opens" and proof:
            lines.append({**line, "proof": proof})
        elif line["kind"] == "executions" and marks:
            ended = when == DRAINED
            lines.append({**line, "executions": list(marks) if ended else []})
        else:
            lines.append(line)
        if line["kind"] == "listing" and when == DRAINED:
            listed = lines[-1]["runs"]
            lines += [_states(line, one) for one in listed if one in more.get(DRAINED, ())]
            lines += [
                {
                    **line,
                    "kind": "deployment",
                    "side": side,
                    "when": "drained",
                    "deployment": _read(side, of["drained"]),
                }
                for side, of in read.items()
                if "drained" in of
            ]
    keep = {"at", "kind", "side", "when", "deployment"}
    return [{k: v for k, v in one.items() if k in keep} if one["kind"] == "deployment" else one for one in lines]


def _read(side: str, of: Line) -> Line:
    return {"id": f"deployment-{side}", "name": side, "updated": ANSWERED_AT, "defaults": {}, **of}


def _named(line: Line, more: Mapping[str, list[Line]]) -> Line:
    """The names of the runs that a listing of two sources has."""
    names = [one["run"] for one in more.get(line["when"], ())]
    return {how: [*line[how], *names] for how in ("by_id", "by_deployment") if how in line}


def _states(line: Line, of: Line) -> Line:
    now = {"id": of["state_id"], "type": of["state_type"], "name": of["state_name"], "timestamp": of["state_timestamp"]}
    states = of.get("states") or [now]
    return {"at": line["at"], "kind": "states", "when": DRAINED, "run": of["run"], "side": of["side"], "states": states}


def outcome(checker: str, lines: list[Line]) -> str:
    """What a checker says of its promise."""
    said = ask(checker, lines)
    return said.outcome if said else "nothing"


def reason(checker: str, lines: list[Line]) -> str:
    """Why it says so."""
    said = ask(checker, lines)
    return said.reason if said else ""
