"""The same deployment under another name, then DELETE of the first one."""

from __future__ import annotations

from harness.doors._http import DELETED, by_requests, request
from harness.doors._steps import after_green

door = after_green(
    request("DELETE", "/deployments/{id}"),
    by_requests("POST /api/deployments/ ", "DELETE /api/deployments/{id} ", effect=DELETED),
)
