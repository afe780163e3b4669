"""Takes away what a run left, by label: containers, networks, processes, folders; nothing of a living run's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker.errors
import psutil

from harness.engines import containers
from harness.engines.base import save_log
from harness.engines.forking import LOG_FILE
from harness.words import cache, ownership
from harness.words.errors import LabError, UsageError
from harness.words.scratch import OWNER_FILE, scratch_root
from harness.words.waiting import NotYet, wait_until

Chosen = Callable[[str, str | None], bool]  # of a thing's run and owner, as labelled


@dataclass
class Swept:
    """How many of each were taken away."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str) -> None:
        """Count one."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def __str__(self) -> str:
        return ", ".join(f"{number} {what}" for what, number in self.counts.items())


def of_run(run: str) -> Chosen:
    """Everything of one run."""
    return lambda of, _owner: of == run


def of_the_dead(_run: str, owner: str | None) -> bool:
    """Everything whose owner is gone."""
    return ownership.is_dead(owner)


def sweep(chosen: Chosen) -> Swept:
    """Take away what is chosen. Processes first: they could start more."""
    swept = Swept()
    _end_processes(chosen, swept)
    with _docker() as client:
        if client is not None:
            _remove_containers(client, chosen, swept)
    for folder, run, owner in _scratch_folders():
        if chosen(run, owner):
            shutil.rmtree(folder, ignore_errors=True)
            swept.add("folders")
    return swept


def salvage_logs(run: str, save_to: Callable[[str], Path]) -> None:
    """Save the logs of a run's labs that still stand; `save_to(lab)` is the folder for a lab's logs."""
    with _docker() as client:
        for container in _labelled(client.containers.list, all=True, ignore_removed=True) if client is not None else ():
            labels = container.labels
            if labels.get(ownership.LABEL_RUN) == run and containers.LABEL_NODE in labels:
                with suppress(docker.errors.DockerException, OSError):
                    text = container.logs(timestamps=True).decode(errors="replace")
                    save_log(save_to(labels[containers.LABEL_LAB]), labels[containers.LABEL_NODE], text)
    for log in (scratch_root() / run).glob(f"*/*/{LOG_FILE}"):
        text = log.read_text(encoding="utf-8", errors="replace")
        save_log(save_to(log.parent.parent.name), log.parent.name, text)


def remove_images_and_caches() -> Swept:
    """Remove every image this project built and its cache folder. Raises UsageError while a run needs them."""
    living = [run for _, run, owner in _scratch_folders() if owner and not ownership.is_dead(owner)]
    if living:
        raise UsageError(f"Still alive: {', '.join(living)}.\nWait for it or end it, then clean --all again.")
    swept = Swept()
    with _docker() as client:
        if client is not None:
            _remove_images(client, swept)
    if cache.root().exists():
        cache.empty()
        swept.add("cache folder")
    return swept


def _remove_images(client: docker.DockerClient, swept: Swept) -> None:
    for image in _labelled(client.images.list):
        with suppress(docker.errors.DockerException):
            client.images.remove(str(image.id), force=True)
            swept.add("images")


def _end_processes(chosen: Chosen, swept: Swept) -> None:
    """SIGKILL, again and again until none is left: one that was just forked off is found in the next round."""

    def none_left() -> None:
        found = list(_labelled_processes(chosen))
        for process in found:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()
                swept.add("processes")
        if found:
            raise NotYet(f"{len(found)} processes")

    wait_until("the end of the run's processes", none_left, seconds=20, every=0.1)


def _labelled_processes(chosen: Chosen) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        run = environment.get(ownership.ENV_RUN)
        if run and chosen(run, environment.get(ownership.ENV_OWNER)):
            yield process


def _remove_containers(client: docker.DockerClient, chosen: Chosen, swept: Swept) -> None:
    for container in _labelled(client.containers.list, all=True, ignore_removed=True):
        if chosen(container.labels.get(ownership.LABEL_RUN, ""), container.labels.get(ownership.LABEL_OWNER)):
            with suppress(docker.errors.DockerException):
                container.remove(force=True, v=True)
                swept.add("containers")
    for network in _labelled(client.networks.list):
        labels = network.attrs.get("Labels") or {}
        if chosen(labels.get(ownership.LABEL_RUN, ""), labels.get(ownership.LABEL_OWNER)):
            with suppress(docker.errors.DockerException):
                network.remove()
                swept.add("networks")


def _labelled(listing: Callable[..., list[Any]], **options: Any) -> list[Any]:
    """What of one kind bears the project's label."""
    return listing(filters={"label": f"{ownership.LABEL_PROJECT}={ownership.PROJECT}"}, **options)


def _scratch_folders() -> Iterator[tuple[Path, str, str | None]]:
    root = scratch_root()
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            owner: str | None = (folder / OWNER_FILE).read_text(encoding="utf-8")
        except OSError:  # not written yet, or taken away by its own run just now
            owner = None
        yield folder, folder.name, owner


class _docker:  # noqa: N801 - used as a function
    """The engine's client, or None where no engine answers; closed at the end."""

    def __enter__(self) -> docker.DockerClient | None:
        try:
            self._client: docker.DockerClient | None = containers.connect()
        except LabError:
            self._client = None
        return self._client

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
