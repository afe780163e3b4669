"""A process with all that it started: finding them, and ending them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timezone

import psutil

from harness.engines.processes.forking import Forked
from harness.words.errors import LabError
from harness.words.facts import PartSeen
from harness.words.waiting import NotYet, wait_until


def family(pid: int, forked: Iterable[Forked]) -> list[psutil.Process]:
    """A process and its descendants; if one of them is a client of a fork server, what was forked for it as well."""
    stands_for = {each.client: each.pid for each in forked}
    found: dict[int, psutil.Process] = {}
    left: Sequence[int] = [pid]
    while left:
        nearer = []
        for one in left:
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(one)
                for process in (root, *root.children(recursive=True)):
                    if process.pid not in found:
                        found[process.pid] = process
                        nearer += [stands_for[process.pid]] if process.pid in stands_for else []
        left = nearer
    return list(found.values())


def kill_tree(pid: int, members: Callable[[int], list[psutil.Process]] = lambda pid: family(pid, ())) -> None:
    """SIGKILL to a process group that we made and to every descendant, those that left the group included.

    `members` returns the process and its descendants; it is called again until none of them lives.
    """
    everyone: dict[int, psutil.Process] = {}

    def dead() -> None:
        with suppress(LabError):  # the fork server is gone, and its processes with it
            everyone.update((process.pid, process) for process in members(pid))
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        left = [process for process in everyone.values() if _lives(process)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if left:
            raise NotYet(f"still there: {left}")

    wait_until(f"the death of process {pid}", dead, seconds=20, every=0.05)


def signal_all(name: str, members: Callable[[], list[psutil.Process]], number: int, *, frozen: bool) -> None:
    """Send a signal to every member of a family until all of them stand still (`frozen`), or none does.

    `members` is called again and again: one that runs may start another.
    """

    def all_are() -> None:
        left = [process for process in members() if _lives(process) and _stands(process) is not frozen]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if left:
            raise NotYet(f"not yet: {left}")

    wait_until(f"signal {number} to {name}", all_are, seconds=20, every=0.05, source=name)


def seen_as(pid: int, members: Iterable[psutil.Process] = ()) -> PartSeen:
    """A process as the kernel sees it; `frozen` where it stands, and each of `members` too."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if _lives(process):
            began = datetime.fromtimestamp(process.create_time(), timezone.utc).isoformat()
            stand = all(_stands(each) for each in (process, *members) if _lives(each))
            return PartSeen(state="frozen" if stand else "running", pid=pid, began=began)
    return PartSeen(state="ended", pid=pid)


def _stands(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
