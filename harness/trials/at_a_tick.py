"""A door that is opened at a moment beside a tick of the treated deployment's schedules."""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.history import moment
from harness.trials.trial import Trial
from harness.words.errors import LabError
from harness.words.moments import seconds_from_tick

_LEAD = timedelta(seconds=1.5)  # what is read and listed just before a door takes less


def wait_for_a_tick(trial: Trial) -> datetime | None:
    """Wait until just before the door is to be opened; returns when that is, and None if any moment will do.

    The tick is the first that has a run and that there is still time for. It is the server's own word. Raises: LabError
    where no run of the treated deployment is to come.
    """
    seconds = seconds_from_tick(trial.at)
    if seconds is None:
        return None
    beside, clock = timedelta(seconds=seconds), trial.lab.clock
    runs = trial.lab.api.flow_runs(deployments=[trial.treated["id"]])
    ticks = sorted(moment(run["expected_start_time"]) for run in runs if run["auto_scheduled"])
    soonest = clock.now() + _LEAD
    tick = next((each for each in ticks if min(each, each + beside) >= soonest), None)  # rule: at-a-tick-to-come
    if tick is None:
        raise LabError(f"no tick of the treated deployment is to come, to open the door at {trial.at}")
    trial.history.add("act", what=f"open the door at {trial.at}, the tick being {tick:%H:%M:%S}")
    _sleep_until(trial, tick + beside - _LEAD)
    return tick + beside


def wait_until_it_is(trial: Trial, opens: datetime | None) -> None:
    """Wait for the moment itself, if there is one."""
    if opens:
        _sleep_until(trial, opens)  # rule: at-the-tick


def _sleep_until(trial: Trial, when: datetime) -> None:
    clock = trial.lab.clock
    clock.sleep(max(0.0, (when - clock.now()).total_seconds()))
