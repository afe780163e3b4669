"""After an update, the scheduler leaves out the first run."""

from ._updates import MODULE, on_scheduling  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "upcoming", "doors": ["patch-deployment"], "as": "ticks missing"}

patch = on_scheduling(lambda runs: runs[1:])
