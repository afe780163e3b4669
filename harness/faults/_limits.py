"""Limits that are set through the API, each filled by runs that wait for their signal."""

from __future__ import annotations

from harness.faults._fault import System


def hold_and_limit(system: System, path: str, runs: int) -> None:
    """Let each pool (`{pool}` in the path) hand out so many runs at a time, and let each run wait for its signal."""
    system.hold_runs()
    for pool in system.pools:
        system.call("PATCH", path.format(pool=pool), {"concurrency_limit": runs})


def release(system: System, path: str) -> None:
    """Take the limits away, and give the runs that filled them their signal."""
    for pool in system.pools:
        system.call("PATCH", path.format(pool=pool), {"concurrency_limit": None})
    system.give_signal()
