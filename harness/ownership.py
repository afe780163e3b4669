"""Who owns what is started: labels on containers, networks, processes and folders, and whether the owner still lives.

A sweep takes what a dead run left and nothing of a living one. An owner is one process on one boot of one host:
its pid alone could be another's by now, so its start time stands beside it.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import lru_cache

import psutil

PROJECT = "prefect-run-survival"
LABEL_PROJECT = f"{PROJECT}.project"
LABEL_RUN = f"{PROJECT}.run"
LABEL_OWNER = f"{PROJECT}.owner"
# What a process is labelled with is its environment, which every flow run's process inherits.
ENV_RUN = "PREFECT_RUN_SURVIVAL_RUN"
ENV_OWNER = "PREFECT_RUN_SURVIVAL_OWNER"


@dataclass(frozen=True)
class Owner:
    """The process that answers for what it started: host, pid and start time (seconds since the epoch)."""

    host: str
    pid: int
    started: int

    @classmethod
    def of_this_process(cls) -> Owner:
        """This process as an owner; a child told of its owner (by ENV_OWNER) belongs to that one."""
        if told := os.environ.get(ENV_OWNER):
            return cls.parse(told)
        return cls(_host(), os.getpid(), int(psutil.Process().create_time()))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The owner that `str()` wrote. Raises ValueError for anything else."""
        host, pid, started = text.rsplit("/", 2)
        return cls(host, int(pid), int(started))

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started}"

    def alive(self) -> bool:
        """Whether the owner may still live. One on another host cannot be asked, and counts as living."""
        if self.host != _host():
            return True
        try:
            return abs(int(psutil.Process(self.pid).create_time()) - self.started) <= 1
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


def is_dead(owner_text: str | None) -> bool:
    """Whether a label names an owner that is gone. What bears no readable owner is not ours to judge: False."""
    try:
        return not Owner.parse(owner_text or "").alive()
    except ValueError:
        return False


def labels(run: str) -> dict[str, str]:
    """What every container, network and image of a run is labelled with."""
    return {LABEL_PROJECT: PROJECT, LABEL_RUN: run, LABEL_OWNER: str(Owner.of_this_process())}


def environment(run: str) -> dict[str, str]:
    """What every process of a run carries in its environment."""
    return {ENV_RUN: run, ENV_OWNER: str(Owner.of_this_process())}


@lru_cache(maxsize=1)
def _host() -> str:
    # Boot time tells two boots of one machine apart, and most containers from their host by name.
    return f"{platform.node()}@{int(psutil.boot_time())}"
