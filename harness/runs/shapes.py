"""Which schedules a scenario can be staged with on the real clock, and why the others cannot be.

A backlog is made of runs that pass their time. On the real clock it is there once the schedule has ticked as often as
the scenario needs, so a nightly cron would take days. And a schedule that never ends goes on ticking while the door is
open and in the drain: where each run has to wait for its turn, the drain would never end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from harness.checkers._oracle import ticks_between
from harness.doors import Door
from harness.trials.scenario import Scenario
from harness.words.errors import UsageError
from harness.words.moments import seconds_from_tick
from harness.words.schedule_words import PAGE, parse_limit, parse_schedules
from harness.words.schedules import PINNED, Shape

PATIENCE = timedelta(minutes=5)  # as long as a staging waits for the ticks of its backlog
_TRIAL = timedelta(minutes=30)  # longer than a trial lasts: what ticks later than that is no part of it
_PLACE, _LIMIT = "${SCHEDULES}", "${CONCURRENCY_LIMIT}"


def check_shapes(
    trials: Sequence[tuple[Scenario, Door]],
    schedules: Sequence[str],
    concurrency_limit: str,
    now: datetime,
    *,
    at: str = "",
) -> tuple[list[tuple[Scenario, Door]], list[str]]:
    """The trials that can be staged with these schedules, and for each other scenario why it cannot, a line each.

    Raises: UsageError for words that name no schedule or no limit, and where none of the trials can be staged.
    """
    parse_limit(concurrency_limit)
    at_tick = seconds_from_tick(at) is not None
    scenarios = {scenario.name: scenario for scenario, _ in trials}
    reasons = {
        name: why_not(scenario, schedules, concurrency_limit, now)
        or (_no_tick_ahead(scenario, schedules) if at_tick else "")
        for name, scenario in scenarios.items()
    }
    refused = [f"{name} cannot be staged with this schedule: {reason}" for name, reason in reasons.items() if reason]
    left = [(scenario, door) for scenario, door in trials if not reasons[scenario.name]]
    if trials and not left:
        raise UsageError(f"{refused[0]}.\nName another --schedule or another --scenario ({PAGE}).")
    return left, refused


def why_not(scenario: Scenario, schedules: Sequence[str], concurrency_limit: str, now: datetime) -> str:
    """Why a scenario cannot be staged with these schedules and this limit from this moment on; empty where it can.

    Raises: UsageError for words that name no schedule.
    """
    template = scenario.file("prefect.yaml").read_text(encoding="utf-8")
    shapes = parse_schedules(schedules or scenario.schedules)
    for place, asked in ((_PLACE, schedules), (_LIMIT, concurrency_limit)):
        if asked and place not in template:
            return f"its prefect.yaml has no {place}"
    if not schedules or scenario.moves_clock:  # then its staging says for itself how it passes the ticks
        return ""
    if scenario.served_by and [shape.kind for shape in shapes.shapes] != [PINNED]:
        return "its deployments are served, and get the harness's own rule alone"
    if not scenario.shapes.active:
        if shapes.starts_at_first:
            return "its runs are no schedule's, so there is no first tick"
    elif not shapes.is_pinned and (times := len(_ticks(shapes.active, now, PATIENCE))) < scenario.ticks:
        return f"it needs {scenario.ticks} ticks, and there are {times} in {PATIENCE.total_seconds() / 60:.0f} minutes"
    queues = scenario.holders or scenario.holders_together
    endless = [shape for shape in shapes.active if not shape.is_counted]
    # rule: shapes-goes-on (gives False)
    goes_on = not queues and not scenario.shapes.ends  # then its staging is made for a schedule that never ends
    at_once = (queues or scenario.upcoming or scenario.stage) and not goes_on
    if at_once and _ticks(endless, now, _TRIAL):  # rule: shapes-drain-ends
        what = "its runs wait for their turn" if queues else "its runs are staged for one moment"
        return f"{what}, and a schedule that never ends would add to them"
    return ""


def _no_tick_ahead(scenario: Scenario, schedules: Sequence[str]) -> str:
    """Why no tick is to come when the door is opened; empty where one is."""
    ends = parse_schedules(schedules or scenario.schedules).ends
    return "" if scenario.upcoming or not ends else "its last tick is past when its door is opened"


def _ticks(shapes: Iterable[Shape], now: datetime, ahead: timedelta) -> set[datetime]:
    """When these schedules tick within this time, if they were deployed now. Raises: UsageError for too many ticks."""
    found: set[datetime] = set()
    for shape in shapes:
        said = {"anchor_date": now.isoformat(), **shape.definition(now, "")}
        try:
            found |= set(ticks_between(said, now, now + ahead))
        except ValueError as error:
            text = f"The schedule {shape.words!r} cannot be staged: {error}.\nName one that ticks less often."
            raise UsageError(text) from None
    return found
