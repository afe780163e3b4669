"""What the report of a trial and the page of a run say in the same words: the last look at a run, the server's log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.words.events import DoorClosed

_CHANGE = re.compile(
    r'"(POST|PUT|PATCH|DELETE) /api/'
    r"(?!logs|flow_runs|deployments/get_scheduled|work_pools/.*/(get_scheduled|workers))(?!.*/filter )"
)


def once(relabelled: bool) -> str:
    """What is said beside the last look at a run whose state changed after it had completed."""
    return ", once Completed" if relabelled else ""


def door_log(doors: Sequence[DoorClosed]) -> list[str]:
    """The lines of the server's log, while the door was open, in which something was changed.

    Reads, polls, heartbeats and the runs' own states say nothing of the door.
    """
    return [line for door in doors[-1:] for line in door.server_log if _CHANGE.search(line)]
