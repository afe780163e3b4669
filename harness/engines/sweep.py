"""Takes away what runs left, by label: containers, networks, processes, folders; nothing of a living run's."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.engines.containers import sweep as containers
from harness.engines.processes import sweep as processes
from harness.words import cache, ownership
from harness.words.errors import UsageError
from harness.words.ownership import Chosen
from harness.words.scratch import OWNER_FILE, scratch_root


class Swept(Counter[str]):
    """How many of each were taken away."""

    def __str__(self) -> str:
        return ", ".join(f"{number} {what}" for what, number in self.items())


def of_run(run: str) -> Chosen:
    """Everything of one run."""
    return lambda of, _owner: of == run


def of_the_dead(_run: str, owner: str | None) -> bool:
    """Everything whose owner is gone."""
    return ownership.is_dead(owner)


def sweep(chosen: Chosen) -> Swept:
    """Take away what is chosen, of both engines. Processes first: they could start more."""
    swept = Swept(processes.sweep(chosen))
    swept.update(containers.sweep(chosen))
    for folder, run, owner in _scratch_folders():
        if chosen(run, owner):
            shutil.rmtree(folder, ignore_errors=True)
            swept["folders"] += 1
    return swept


def salvage_logs(run: str, save_to: Callable[[str], Path]) -> None:
    """Save the logs of a run's labs that still stand; `save_to(lab)` is the folder for a lab's logs."""
    containers.salvage_logs(run, save_to)
    processes.salvage_logs(run, save_to)


def remove_images_and_caches() -> Swept:
    """Remove every image this project built and its cache folder. Raises UsageError while a run needs them."""
    living = [run for _, run, owner in _scratch_folders() if owner and not ownership.is_dead(owner)]
    if living:
        raise UsageError(f"Still alive: {', '.join(living)}.\nWait for it or end it, then clean --all again.")
    swept = Swept(containers.remove_images())
    if cache.root().exists():
        cache.empty()
        swept["cache folder"] += 1
    return swept


def _scratch_folders() -> Iterator[tuple[Path, str, str | None]]:
    """Each scratch folder, with its run and its owner: None if it is not written yet, or was just taken away."""
    root = scratch_root()
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            owner: str | None = (folder / OWNER_FILE).read_text(encoding="utf-8")
        except OSError:
            owner = None
        yield folder, folder.name, owner
