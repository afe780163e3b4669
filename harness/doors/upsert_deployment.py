"""POST /deployments/, all as it was but for the description."""

from __future__ import annotations

from harness.doors._door import Door
from harness.doors._http import upsert

door = Door(upsert, family="update")
