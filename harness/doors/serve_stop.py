"""the process in which `flow.serve()` serves the deployment is stopped (SIGINT)."""

from __future__ import annotations

from harness.doors._door import SERVED, CommandResult, Door, Treated
from harness.doors._http import ONE, PAUSED, by_requests

_GRACE = 20.0  # seconds between SIGINT and SIGKILL


def serve_stop(treated: Treated, _nonce: str) -> CommandResult:
    """Prefect pauses the deployment on the way out.

    By Ctrl-C's signal: with a flow run in progress, SIGTERM makes it pause and then hang (3.3.3), or hang before it has
    paused anything (3.3.4). It is killed where it does not end.
    """
    return treated.stop_process(_GRACE)


# rule: serve-stop-by-patch
door = Door(serve_stop, by_requests(ONE, effect=PAUSED), family="update", only_for=SERVED)
