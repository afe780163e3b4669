"""PATCH /deployments/{id} with `paused`."""

from __future__ import annotations

from harness.doors._door import Door
from harness.doors._http import ONE, PAUSED, by_requests, request

door = Door(request("PATCH", "/deployments/{id}", {"paused": True}), by_requests(ONE, effect=PAUSED), family="update")
