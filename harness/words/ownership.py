"""Who owns what is started: labels on containers, networks, processes and folders, and whether the owner still lives.

A sweep takes what a dead run left and nothing of a living one. An owner is one process on one boot of one host:
its pid alone could be another's by now, so its start time stands beside it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

PROJECT = "prefect-run-survival"
LABEL_PROJECT = f"{PROJECT}.project"
LABEL_RUN = f"{PROJECT}.run"
LABEL_OWNER = f"{PROJECT}.owner"
# What a process is labelled with is its environment, which every flow run's process inherits.
ENV_RUN = "PREFECT_RUN_SURVIVAL_RUN"
ENV_OWNER = "PREFECT_RUN_SURVIVAL_OWNER"
ENV_LAB = "PREFECT_RUN_SURVIVAL_LAB"

Chosen = Callable[[str, "str | None"], bool]  # whether a sweep takes a thing, by its run and its owner as labelled


@dataclass(frozen=True)
class Owner:
    """The process that answers for what it started: host, pid, and start (a number that no later process of it has)."""

    host: str
    pid: int
    started: int

    @classmethod
    def of_this_process(cls) -> Owner:
        """This process as an owner; a child told of its owner (by ENV_OWNER) belongs to that one."""
        if told := os.environ.get(ENV_OWNER):
            return cls.parse(told)
        return cls(_host(), os.getpid(), _start_of(os.getpid()))

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
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and _start_of(self.pid) == self.started
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
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
    # A boot's id tells two boots of one machine apart; a container and its host differ by name.
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    boot = boot_id.read_text(encoding="ascii").strip() if boot_id.exists() else str(int(psutil.boot_time()))
    # Containers that share their host's name have pids of their own.
    space = Path("/proc/self/ns/pid")
    return f"{platform.node()}@{boot}" + (f"@{space.readlink()}" if space.is_symlink() else "")


def _start_of(pid: int) -> int:
    """When a process started: clock ticks since the boot on Linux (seconds since the epoch move with the clock)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
    return int(psutil.Process(pid).create_time())
