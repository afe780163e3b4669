"""The work queue is paused, then `prefect deploy`, then it is resumed."""

from __future__ import annotations

from harness.doors._http import request
from harness.doors._pools import QUEUE
from harness.doors._steps import deploy_between

door = deploy_between(
    request("PATCH", QUEUE, {"is_paused": True}), request("PATCH", QUEUE, {"is_paused": False}), own_pool=True
)
