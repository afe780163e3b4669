"""the process in which `flow.serve()` serves the deployment is killed (SIGKILL), with the runs in it."""

from __future__ import annotations

from harness.doors._deeds import by_deeds, in_turn
from harness.doors._door import SERVED, Door

door = Door(in_turn(lambda treated: treated.worker, "kill"), by_deeds("worker", "kill"), only_for=SERVED)
