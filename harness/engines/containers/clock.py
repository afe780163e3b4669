"""The movable clock of containers: a folder of this host that all containers of a lab share, the library in it."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path
from typing import Any

import docker.errors

import docker
from harness.engines import movable_clock
from harness.engines.containers.connection import short
from harness.engines.containers.image import ask_image
from harness.engines.inside import ASK_CLOCK
from harness.words.errors import LabError
from harness.words.scratch import scratch_folder

_PLACE = "/opt/clock"  # of the folder in every container
_TRIED, _NEAR = 1_000_000, 60  # seconds: how far ahead an image's clock is put, and how near it has to show that
ENVIRONMENT = movable_clock.environment(f"{_PLACE}/{movable_clock.LIBRARY}", f"{_PLACE}/{movable_clock.FILE}")


def volumes(folder: Path) -> dict[str, Any]:
    """What a container has of a lab's clock: its folder, to read."""
    return {str(folder): {"bind": _PLACE, "mode": "ro"}}


def check_clock(client: docker.DockerClient, image: str) -> None:
    """Raises: LabError, with the reason, if the clock of a container of this image cannot be moved."""
    scratch = scratch_folder(f"clock-{secrets.token_hex(4)}")
    try:
        folder = scratch / "clock"
        movable_clock.set_ahead(movable_clock.make_folder(folder), _TRIED)
        said = ask_image(client, image, ["python3", "-c", ASK_CLOCK], environment=ENVIRONMENT, volumes=volumes(folder))
        shown = float(said.split()[-1])
        why = "" if abs(shown - time.time() - _TRIED) < _NEAR else f"{_TRIED} s ahead, its Python showed {shown:.0f}"
    except (docker.errors.DockerException, OSError, ValueError, IndexError) as error:
        why = short(error)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if why:
        raise LabError(
            "the clock of this image cannot be moved, since its Python does not load what moves it: "
            f"{' '.join(why.split())[-300:]}",
            source="build",
        )
