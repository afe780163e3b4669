"""Whole histories written from stories: what became of each run at risk, one word a run.

A story says what the server would have answered; which fate and outcome follow is written beside it (docs/verdicts.md),
and never asked of the harness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.words.events import HISTORY_SCHEMA
from tests.unit.plain import Line

STATE = "Late"
MINIMUM = 3
NONCE = "nonce-0123456789abcdef"
ENDED_AT = "2030-01-01T00:00:20.500002Z"
LISTED_AT, ANSWERED_AT = "2030-01-01T00:00:19Z", "2030-01-01T00:00:20.500000Z"

LATE_AT = "2030-01-01T00:00:10.250000+00:00"
LATE_ID = f"Late@{LATE_AT}"

LATE = {"state_type": "SCHEDULED", "state_name": "Late"}
PENDING = {"state_type": "PENDING", "state_name": "Pending"}
RUNNING = {"state_type": "RUNNING", "state_name": "Running", "run_count": 1, "start_time": "2030-01-01T00:00:30Z"}
COMPLETED = {**RUNNING, "state_type": "COMPLETED", "state_name": "Completed"}
FAILED = {**RUNNING, "state_type": "FAILED", "state_name": "Failed"}
CRASHED = {**RUNNING, "state_type": "CRASHED", "state_name": "Crashed"}
GIVEN_UP = {
    "state_type": "CRASHED",
    "state_name": "Crashed",
    "state_message": "Flow run could not be submitted to infrastructure:\n"
    "PrefectHTTPStatusError(\"Server error '503 Service Unavailable' for url 'http://127.0.0.1/api/flow_runs/1/labels'\")",
}
CANCELLED = {"state_type": "CANCELLED", "state_name": "Cancelled"}
RESCHEDULED = {"state_type": "SCHEDULED", "state_name": "Scheduled"}
GONE = {"status": 404, "body": {"detail": "Flow run not found"}}
WRONG_ROUTE = {"status": 404, "body": {"detail": "Not Found"}}
SERVER_ERROR = {"status": 500, "body": {"exception_message": "Internal Server Error"}}
UNAUTHORIZED = {"status": 401, "body": {"detail": "Unauthorized"}}
NO_ANSWER = {"status": None, "body": "GET /flow_runs/…: timed out"}

Answer = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What one run's look-ups answered after the door and after the drain, and what docs/verdicts.md calls that.

    fate        None where the run was not at risk when the door was answered
    whole_twin  the fate instead where the whole twin completed
    between     what its state history shows between the two looks
    ran         whether it was Running before it was called Completed
    past        whether its state history holds the state that it was listed in
    executed    how often its flow left a mark since it was listed, where that is not what its last answer says of it
    received    the parameters that its flow received
    """

    after: Sequence[Answer]
    drained: Sequence[Answer]
    fate: str | None
    whole_twin: str | None = None
    completed: bool = False
    stranded: bool = False
    recreated: bool = False
    between: Sequence[Answer] = ()
    ran: bool = True
    past: bool = True
    executed: int | None = None
    received: str = ""

    @property
    def times(self) -> int:
        """How often its flow left a mark."""
        return self.executed if self.executed is not None else int(self.ran and bool(self.drained[-1].get("run_count")))

    @property
    def undisturbed(self) -> bool:
        """Whether it completed, and was called nothing else after that."""
        return self.completed and self.drained[-1].get("state_type") == "COMPLETED"


STORIES = {
    "completed": Story([LATE], [COMPLETED], "kept", completed=True),
    "found at the second try": Story([GONE, LATE], [SERVER_ERROR, COMPLETED], "kept", completed=True),
    "failed": Story([LATE], [FAILED], "kept", "altered"),
    "crashed": Story([LATE], [CRASHED], "kept", "altered"),
    "completed, then called crashed": Story([LATE], [CRASHED], "kept", completed=True, between=[RUNNING, COMPLETED]),
    "completed, then cancelled": Story([LATE], [CANCELLED], "altered", completed=True, between=[RUNNING, COMPLETED]),
    "completed, put back, crashed": Story(
        [LATE], [CRASHED], "kept", "altered", between=[COMPLETED, RESCHEDULED, RUNNING]
    ),
    "given up": Story([LATE], [GIVEN_UP], "kept"),
    "still running": Story([LATE], [RUNNING], "kept"),
    "still pending": Story([LATE], [PENDING], "kept"),
    "never ran": Story([LATE], [LATE], "kept", stranded=True),
    "picked up, completed": Story([PENDING], [COMPLETED], "progressed", completed=True),
    "ended, completed": Story([COMPLETED], [COMPLETED], "progressed", completed=True),
    "picked up, failed": Story([RUNNING], [FAILED], "progressed", "altered"),
    "cancelled": Story([CANCELLED], [CANCELLED], "altered"),
    "cancelled later": Story([LATE], [CANCELLED], "altered"),
    "executed twice": Story([LATE], [COMPLETED], "altered", completed=True, executed=2),
    "failed twice": Story([LATE], [FAILED], "altered", executed=2),
    "completed, and never executed": Story([LATE], [COMPLETED], "altered", completed=True, executed=0),
    "executed with other parameters": Story([LATE], [COMPLETED], "altered", completed=True, received="another"),
    "called completed": Story([LATE], [COMPLETED], "altered", ran=False),
    "called completed at once": Story([COMPLETED], [COMPLETED], "altered", ran=False),
    "made again under its id": Story([LATE], [COMPLETED], "altered", completed=True, past=False),
    "moved to another time": Story(
        [{**LATE, "next_scheduled_start_time": "2030-01-01T00:00:20Z"}], [COMPLETED], "altered", completed=True
    ),
    "renamed": Story([{**LATE, "name": "another"}], [{**COMPLETED, "name": "another"}], "altered", completed=True),
    "moved to a queue": Story([LATE], [{**COMPLETED, "work_queue_name": "another"}], "altered", completed=True),
    "moved to a deployment": Story([{**LATE, "deployment_id": "x"}], [{**LATE, "deployment_id": "x"}], "altered"),
    "put back": Story([RESCHEDULED], [COMPLETED], "altered", completed=True),
    "lost": Story([GONE, GONE], [GONE, GONE], "lost"),
    "lost after being picked up": Story([RUNNING], [GONE, GONE], "lost"),
    "lost in the drain": Story([LATE], [GONE, GONE], "lost"),
    "lost, then unanswered": Story([GONE, GONE], [NO_ANSWER, NO_ANSWER], "lost"),
    "recreated": Story([GONE, GONE], [GONE, GONE], "lost", recreated=True),
    "wrong route": Story([WRONG_ROUTE, WRONG_ROUTE], [COMPLETED], "unknown", completed=True),
    "gone once, then an error": Story([GONE, SERVER_ERROR], [COMPLETED], "unknown", completed=True),
    "unauthorized": Story([UNAUTHORIZED, UNAUTHORIZED], [UNAUTHORIZED, UNAUTHORIZED], "unknown"),
    "server error": Story([SERVER_ERROR, SERVER_ERROR], [COMPLETED], "unknown", completed=True),
    "no answer": Story([NO_ANSWER, NO_ANSWER], [NO_ANSWER, NO_ANSWER], "unknown"),
    "picked up before the door was answered": Story([RUNNING], [COMPLETED], None),
}


def run_id(side: str, number: int) -> str:
    """The id of the n-th run of a side."""
    return f"{side}-run-{number}"


def _clock(when: str, second: int) -> Line:
    """A reading of the server's clock."""
    server = f"2030-01-01T00:00:{second}Z"
    return _event("clock", when=when, server=server, asked=100.0 + second, answered=100.1 + second)


def whole_history(
    treated: Sequence[str], twin: Sequence[str], *, minimum: int = MINIMUM, version: str = "3.3.4"
) -> list[Line]:
    """The history of a trial whose runs at risk had these stories, with the door proven."""
    stories = {"treated": treated, "twin": twin}
    runs = [(side, number, STORIES[word]) for side, words in stories.items() for number, word in enumerate(words)]
    # As the harness asks: the twin before the treated runs and after them.
    asked = [run for side in ("twin", "treated", "twin") for run in runs if run[0] == side]

    def look(answered: Callable[[Story], Sequence[Answer]]) -> list[Line]:
        return [_answer(side, number, answer) for side, number, story in asked for answer in answered(story)]

    there = [_run(side, number, _last(story)) for side, number, story in runs if "state_type" in story.drained[-1]]
    again = [
        {**_run(side, number, COMPLETED), "run": f"{run_id(side, number)}-again"}
        for side, number, story in runs
        if story.recreated
    ]

    def listed(*, drained: bool) -> dict[str, list[str]]:
        """Who is listed by id, and who by deployment."""
        last = [(run_id(s, n), (story.drained if drained else story.after)[-1], s) for s, n, story in runs]
        there = [(run, answer, side) for run, answer, side in last if "state_type" in answer]
        of_its_own = [run for run, answer, side in there if "deployment_id" not in answer]
        return {"by_id": [run for run, *_ in there], "by_deployment": of_its_own}

    holders = [{**_run(side, 99, RUNNING), "run": f"{side}-holder"} for side in stories]
    done = [{**holder, **COMPLETED} for holder in holders]
    events = [
        _event("trial", schema=HISTORY_SCHEMA, scenario="worker-outage", door="prefect-deploy", state=STATE,
               minimum=minimum, ticks=3, interval=2),
        *(_event("version", role=role, said=version) for role in ("server", "deployer")),
        _event("prefect-version", output=f"Version:             {version}\nAPI version: 0.8.4"),
        _event("phase", phase="steady state"),
        _event("act", what="start the worker"),
        _event("version", role="worker", said=version),
        _event("steady-state", pool="worker-outage", run={"run": "probe", "state_type": "COMPLETED"}),
        _event("phase", phase="stage"),
        *(_event("deployment", side=side, deployment=_deployment(side, "staged")) for side in stories),
        _event("phase", phase="prove"),
        _event("phase", phase="trigger"),
        *(_event("deployment", side=side, when="before", deployment=_deployment(side, "staged")) for side in stories),
        _event("listing", when="before the door", runs=[*holders, *(_run(side, n, LATE) for side, n, _ in runs)]),
        _event("executions", when="before the door", executions=[_execution(f"{side}-holder", 0) for side in stories]),
        _clock("before the door", 19),
        _event("door-opens", door="prefect-deploy", nonce=NONCE, proof={"by": "nonce", "requests": [], "effects": []}),
        _clock("as the door was answered", 21),
        _event("door", door="prefect-deploy", nonce=NONCE, answered_at=ANSWERED_AT, server_log=[], exit_code=0,
               seconds=4.0, output=f"Prefect {version}\nDeployment 'x/treated' successfully updated"),
        *(_event("deployment", side=side, when="after", deployment=_deployment(side, NONCE)) for side in stories),
        _event("bystanders", watched=0, unlisted=[], changed=[], control=[]),
        _event("phase", phase="observe"),
        _event("look", when="after the door", answers=look(lambda story: story.after)),
        _event("listing", when="after the door", **listed(drained=False),
               runs=[_run(side, n, story.after[-1]) for side, n, story in runs if "state_type" in story.after[-1]]),
        _clock("after the door", 22),
        *(_event("states", when="after the door", run=run_id(side, n), side=side, states=_states(story))
          for side, n, story in runs),
        _event("phase", phase="drain"),
        _event("lifted", what="the worker is started again"),
        _event("drained", ended="every run that is there has ended"),
        _event("look", when="after the drain", answers=look(lambda story: (*story.drained[:-1], _last(story)))),
        _event("listing", when="after the drain", runs=[*done, *there, *again], **listed(drained=True)),
        _clock("after the drain", 50),
        *(_event("states", when="after the drain", run=run_id(side, n), side=side, states=_states_to_the_end(story))
          for side, n, story in runs if "state_type" in story.drained[-1]),
        *(_event("states", when="after the drain", run=run["run"], side=run["side"], states=[])
          for run in [*done, *again]),
        _event("executions", when="after the drain", executions=[
            *(_execution(f"{side}-holder", 0) for side in stories),
            *(_execution(run_id(side, n), time, story.received) for side, n, story in runs
              for time in range(story.times)),
        ]),
    ]  # fmt: skip
    return [
        {**event, "at": f"2030-01-01T{number // 60:02}:{number % 60:02}:00.000+00:00"}
        for number, event in enumerate(events)
    ]


def answers_at_every_look(words: Sequence[str]) -> bool:
    """Whether some run of a side answered 200 after the door, and some run after the drain."""
    stories = [STORIES[word] for word in words]
    return all(
        any("state_type" in answer for story in stories for answer in getattr(story, which))
        for which in ("after", "drained")
    )


def fates(words: Sequence[str], twin: Sequence[str]) -> list[str]:
    """The fates of a side's runs at risk, by docs/verdicts.md: a story each, the twin's beside them."""
    at_risk = [STORIES[word] for word in twin if STORIES[word].fate]
    whole = bool(at_risk) and all(story.undisturbed for story in at_risk)
    stories = [STORIES[word] for word in words]
    return [(whole and story.whole_twin) or story.fate for story in stories if story.fate]


def outcome(treated: Sequence[str], twin: Sequence[str], minimum: int = MINIMUM) -> str:
    """The outcome of a trial whose door is proven, by its table, top down."""
    mine, control = fates(treated, twin), fates(twin, twin)
    stories = [STORIES[word] for word in treated if STORIES[word].fate]
    twin_completed = all(STORIES[word].undisturbed for word in twin if STORIES[word].fate)
    # A run still under way may hold what the others wait for.
    held = any(STORIES[word].drained[-1].get("state_type") in ("PENDING", "RUNNING") for word in treated)
    if min(len(mine), len(control)) < minimum or {"lost", "altered"} & set(control) or "unknown" in mine + control:
        return "inconclusive"
    if "lost" in mine:
        return "lost"
    if all(story.completed for story in stories) and "altered" not in mine:
        of_twin = [STORIES[word] for word in twin if STORIES[word].fate]
        every = not any(story.undisturbed for story in stories)
        none = all(story.undisturbed or not story.completed for story in of_twin)
        return "inconclusive" if every and none else "survived"
    if twin_completed and "altered" in mine:
        return "altered"
    if twin_completed and not held and any(story.stranded for story in stories):
        return "stranded"
    return "inconclusive"


def _event(kind: str, **facts: Any) -> Line:
    return {"at": "", "kind": kind, **facts}


def _run(side: str, number: int, state: Answer) -> Line:
    return {
        "run": run_id(side, number),
        "side": side,
        "name": f"name-{number}",
        "deployment_id": f"deployment-{side}",
        "work_queue_name": "default",
        "expected_start_time": f"2030-01-01T00:00:{number % 60:02}Z",
        "next_scheduled_start_time": None,
        "state_id": LATE_ID,
        "start_time": None,
        "run_count": 0,
        "auto_scheduled": True,
        "state_timestamp": LATE_AT,
        **state,
    }


def _execution(run: str, time: int, received: str = "") -> Line:
    began = f"2030-01-01T00:00:{30 + time}Z"
    return {"run": run, "process": 1, "began": began, "ended": began, "parameters": {"note": received}}


def _answer(side: str, number: int, answer: Answer) -> Line:
    if "status" in answer:
        return {"run": run_id(side, number), "side": side, **answer}
    since = {} if answer["state_name"] == STATE else {"state_timestamp": ENDED_AT}
    return {"status": 200, **_run(side, number, {**since, **answer})}


def _states(story: Story) -> list[dict[str, str]]:
    if list(story.after) == [GONE, GONE]:
        return []  # they went with the run
    states = [
        ("SCHEDULED", "Scheduled", "2030-01-01T00:00:01Z"),
        ("SCHEDULED", STATE, LATE_AT if story.past else "2030-01-01T00:00:20.4Z"),
    ]
    if story.fate is None:
        states.append(("RUNNING", "Running", "2030-01-01T00:00:20.499999Z"))
    elif "state_type" in story.after[-1] and story.after[-1]["state_name"] != STATE:
        now = story.after[-1]
        states += _running(story, now, "2030-01-01T00:00:20.500001Z")
        states.append((now["state_type"], now["state_name"], ENDED_AT))
    return _entries(states)


def _running(story: Story, then: Answer, at: str) -> list[tuple[str, str, str]]:
    """The Running state that comes before a Completed one."""
    return [("RUNNING", "Running", at)] if story.ran and then["state_type"] == "COMPLETED" else []


def _entries(states: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    """A state history of these types, names and times."""
    return [{"id": f"{name}@{at}", "type": kind, "name": name, "timestamp": at} for kind, name, at in states]


def _last(story: Story) -> Answer:
    """The last answer of a story, from when its last state is."""
    last = story.drained[-1]
    return {**last, "state_timestamp": _moment(len(story.between))} if "state_type" in last else last


def _moment(number: int) -> str:
    return f"2030-01-01T00:00:{30 + number}Z"


def _states_to_the_end(story: Story) -> list[dict[str, str]]:
    later: list[tuple[str, str, str]] = []
    for number, answer in enumerate((*story.between, story.drained[-1])):
        if "COMPLETED" not in [kind for kind, *_ in later] and story.after[-1].get("state_type") != "COMPLETED":
            later += _running(story, answer, f"2030-01-01T00:00:{29 + number}.5Z")
        later.append((str(answer["state_type"]), str(answer["state_name"]), _moment(number)))
    return _states(story) + _entries(later)


_RULE = {"rrule": "DTSTART:20300101T000000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=3", "timezone": "UTC"}


def _deployment(side: str, description: str) -> Line:
    touched = side == "treated" and description == NONCE
    return {
        "id": f"deployment-{side}",
        "name": side,
        "description": description if side == "treated" else "twin",
        "updated": ANSWERED_AT if touched else LISTED_AT,
        "paused": False,
        "work_pool_name": "worker-outage",
        "work_queue_name": "default",
        "concurrency_limit": None,
        "defaults": {"note": ""},
        "schedules": [{"id": f"schedule-{side}-{int(touched)}", "active": True, "schedule": _RULE}],
    }
