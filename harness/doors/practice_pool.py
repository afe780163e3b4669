"""The work pool is paused, then `prefect deploy`, then it is resumed."""

from __future__ import annotations

from harness.doors._http import request
from harness.doors._pools import POOL
from harness.doors._steps import deploy_between

door = deploy_between(
    request("PATCH", POOL, {"is_paused": True}), request("PATCH", POOL, {"is_paused": False}), own_pool=True
)
