"""POST /deployments/ twelve times, four at a time, all as it was but for the description."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import upsert

_TIMES, _AT_ONCE = 12, 4


def upsert_storm(treated: Treated, nonce: str) -> CommandResult:
    """As an operator does that upserts on each pass, or several pipelines at once; then once more, alone.

    A server may refuse some of those that come at once. The last one has to succeed.
    """
    started = treated.clock.monotonic()
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        done = list(pool.map(lambda number: upsert(treated, f"storm {number}"), range(_TIMES)))
    told = Counter(f"exit code {result.exit_code}" for result in done)
    said = f"{_TIMES} at most {_AT_ONCE} at a time: {dict(told)}"
    storm = CommandResult(0, said, treated.clock.monotonic() - started)
    return after(storm, lambda: upsert(treated, nonce))


door = Door(upsert_storm, family="update")
