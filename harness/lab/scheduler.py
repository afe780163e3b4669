"""Whether a lab's server schedules anything at all, found out once a lab, and beside the staging of its backlogs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from harness.lab.facts import last_error
from harness.lab.prefect_api import PrefectAPI
from harness.words.clock import Clock
from harness.words.errors import DeadlineError, SteadyStateError
from harness.words.names import SERVER
from harness.words.waiting import NotYet, wait_until

DEPLOYMENT = "scheduler-probe"
_A_PASS = 5.0  # seconds (harness/engines/settings.py)


class SchedulerCheck:
    """A deployment that the scheduler has to make one run for. Use from several threads is fine.

    `check_alive` raises LabError where the server is gone; `log` is what the server printed; `every` is in seconds.
    """

    def __init__(
        self, api: PrefectAPI, check_alive: Callable[[], None], log: Callable[[], str], clock: Clock, *, every: float
    ) -> None:
        self._api, self._check_alive, self._log, self._clock, self._every = api, check_alive, log, clock, every
        self._deployment = ""  # its id, once it is created
        self._asked = 0.0  # when that was
        self._is_shown = False
        self._lock = threading.Lock()
        self.failure: SteadyStateError | None = None  # once it is known that the scheduler makes no run

    def begin(self) -> None:
        """Create the deployment, if no other staging has done so: one run, a day ahead, and no worker serves it.

        Raises: SteadyStateError if another staging has found that the scheduler makes no run.
        """
        with self._lock:
            if known := self.failure:
                raise known
            if not self._deployment:
                due = self._clock.now() + timedelta(days=1)
                self._deployment = self._api.create_scheduled_deployment(DEPLOYMENT, due)
                self._asked = self._clock.monotonic()

    def end(self, seconds: float) -> None:
        """Wait for the run, until so long after it was asked for, and for the longest time between two passes.

        Raises: SteadyStateError, with the server's log, if it does not come in time; at once, if that is known already.
        """

        def made() -> None:
            self._check_alive()
            if not self._api.flow_runs(deployments=[self._deployment]):
                raise NotYet("it has made none")

        with self._lock:
            if not self._is_shown and self.failure is None:
                try:
                    what, left = "a run by the server's scheduler", self._asked + seconds - self._clock.monotonic()
                    wait_until(what, made, seconds=max(_A_PASS, left), every=self._every, clock=self._clock)
                    self._is_shown = True
                except DeadlineError as error:
                    log = self._log()
                    reason = f"the server schedules nothing: {error.reason}{last_error(log)}"
                    self.failure = SteadyStateError(reason, source=SERVER, log=log[-4000:])
            if self.failure:
                raise self.failure  # rule: schedules-nothing-at-once
