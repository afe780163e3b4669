"""Ends processes by the run that their environment names, and saves the logs of labs that still stand."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from harness.engines.base import save_log
from harness.engines.processes.forking import LOG_FILE
from harness.words.ownership import ENV_OWNER, ENV_RUN, Chosen
from harness.words.scratch import scratch_root
from harness.words.waiting import NotYet, wait_until


def sweep(chosen: Chosen) -> Counter[str]:
    """SIGKILL to the processes that are chosen, again until none is left; returns how many there were.

    A process that one of them forked off just before its end is found in the next round.
    """
    swept: Counter[str] = Counter()

    def none_left() -> None:
        found = list(_labelled(chosen))
        for process in found:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()
                swept["processes"] += 1
        if found:
            raise NotYet(f"{len(found)} processes")

    wait_until("the end of the run's processes", none_left, seconds=20, every=0.1)
    return swept


def salvage_logs(run: str, save_to: Callable[[str], Path]) -> None:
    """Save the logs of a run's labs whose folders still stand; `save_to(lab)` is the folder for a lab's logs."""
    for log in (scratch_root() / run).glob(f"*/*/{LOG_FILE}"):
        text = log.read_text(encoding="utf-8", errors="replace")
        save_log(save_to(log.parent.parent.name), log.parent.name, text)


def _labelled(chosen: Chosen) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        run = environment.get(ENV_RUN)
        if run and chosen(run, environment.get(ENV_OWNER)):
            yield process
