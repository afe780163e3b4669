"""Removes, by label, the containers, networks and images of runs, and saves the logs of labs that still stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker.errors

from harness.engines.base import save_log
from harness.engines.containers.connection import connected
from harness.engines.containers.node import LABEL_LAB, LABEL_NODE
from harness.words.ownership import LABEL_OWNER, LABEL_PROJECT, LABEL_RUN, PROJECT, Chosen


def sweep(chosen: Chosen) -> Counter[str]:
    """Remove the containers and networks that are chosen; returns how many of each. Nothing where no engine answers."""
    swept: Counter[str] = Counter()
    with connected() as client:
        if client is None:
            return swept
        for container in _labelled(client.containers.list, all=True, ignore_removed=True):
            if _is_chosen(container.labels, chosen):
                with suppress(docker.errors.DockerException):
                    container.remove(force=True, v=True)
                    swept["containers"] += 1
        for network in _labelled(client.networks.list):
            if _is_chosen(network.attrs.get("Labels") or {}, chosen):
                with suppress(docker.errors.DockerException):
                    network.remove()
                    swept["networks"] += 1
    return swept


def salvage_logs(run: str, save_to: Callable[[str], Path]) -> None:
    """Save the logs of a run's containers that still stand; `save_to(lab)` is the folder for a lab's logs."""
    with connected() as client:
        for container in _labelled(client.containers.list, all=True, ignore_removed=True) if client else ():
            labels = container.labels
            if labels.get(LABEL_RUN) == run and LABEL_NODE in labels:
                with suppress(docker.errors.DockerException, OSError):
                    text = container.logs(timestamps=True).decode(errors="replace")
                    save_log(save_to(labels[LABEL_LAB]), labels[LABEL_NODE], text)


def remove_images() -> Counter[str]:
    """Remove every image that this project built; returns how many. Nothing where no engine answers."""
    swept: Counter[str] = Counter()
    with connected() as client:
        for image in _labelled(client.images.list) if client else ():
            with suppress(docker.errors.DockerException):
                image.remove(force=True)
                swept["images"] += 1
    return swept


def _is_chosen(labels: dict[str, str], chosen: Chosen) -> bool:
    return chosen(labels.get(LABEL_RUN, ""), labels.get(LABEL_OWNER))


def _labelled(listing: Callable[..., list[Any]], **options: Any) -> list[Any]:
    """Everything of one kind that bears the project's label."""
    return listing(filters={"label": f"{LABEL_PROJECT}={PROJECT}"}, **options)
