"""Fork servers under processes: one for each environment of a run, started by the command and asked by its labs.

How a process is forked, and what it has of its own: harness/engines/fork_server/__init__.py.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.engines import movable_clock, settings
from harness.engines.inside import FORK_SERVER, FORK_SERVER_SECONDS
from harness.subjects.overlays import python_path
from harness.words import ownership
from harness.words.errors import LabError
from harness.words.names import REAL, WARP
from harness.words.scratch import scratch_folder
from harness.words.waiting import NotYet, wait_until

LOG_FILE = "node.log"  # of a node of a lab
_OWN_LOG = "fork-server.log"
_FOLDER = "fork-servers"
_ANSWER_SECONDS = 20


@dataclass(frozen=True)
class Forked:
    """A living forked process: its id, that of the client that stands for it, and the lab it belongs to."""

    pid: int
    client: int | None
    lab: str


class ForkServer:
    """The fork server of one environment in one run, on one kind of clock. Any process of the run may ask it.

    What makes a clock movable is loaded as a process starts, so it is the fork server's. Which file it has mapped is
    for each forked process to say, by its own environment: labs whose clocks can be moved share a fork server.
    """

    def __init__(self, environment: Path, run: str, clock: str = REAL) -> None:
        self._environment, self._run, self._clock = environment, run, clock
        self._root = scratch_folder(run) / _FOLDER / f"{environment.name}{'-warp' if clock == WARP else ''}"
        self.folder = self._root / "served"
        self.python = str(self.folder / "python")

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; does not wait. It ends when the standard input of what is returned is closed."""
        home = self._root / "home"
        venv = self._environment / "venv"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            **settings.node_environment(""),
            **ownership.environment(self._run),
            **own_places(home),
            **python_path(self._environment),
        }
        if self._clock == WARP:
            environment |= movable_clock.environment(str(movable_clock.preload_of_run(self._run)))
        with (self._root / _OWN_LOG).open("ab") as log:
            process = subprocess.Popen(
                [str(venv / "bin" / "python"), str(FORK_SERVER), str(self.folder)],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                cwd=home, env=environment, start_new_session=True,
            )  # fmt: skip
        (self._root / "pid").write_text(str(process.pid), encoding="ascii")
        return process

    def there(self) -> bool:
        """Whether one was started in this run."""
        return (self._root / "pid").exists()

    def why_not(self) -> str:
        """Wait until it is ready; returns why this subject cannot be forked, or nothing.

        Raises: LabError if it ended, DeadlineError.
        """

        def ready() -> str:
            with suppress(FileNotFoundError):
                return (self.folder / "ready").read_text(encoding="utf-8")
            self.check()
            raise NotYet("it is importing Prefect")

        return wait_until("the fork server", ready, seconds=FORK_SERVER_SECONDS, every=0.05, source="fork server")

    def check(self) -> None:
        """Raises LabError, with its log, if it has ended; its processes have ended with it."""
        pid = int((self._root / "pid").read_text(encoding="ascii"))
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return
        raise LabError("the fork server ended, and every process with it", source="fork server", log=self.log())

    def log(self) -> str:
        """The end of what it printed."""
        with suppress(OSError):
            return (self._root / _OWN_LOG).read_text(encoding="utf-8", errors="replace")[-4000:]
        return ""

    def living(self) -> list[Forked]:
        """Every process that it forked and that still lives. Raises LabError if it does not answer."""
        return [Forked(each["pid"], each["client"], each["label"]) for each in self._ask()["living"]]

    def seconds(self, lab: str) -> float:
        """Processor time, in seconds, of a lab's forked processes that have ended. Raises LabError as `living` does."""
        return float(self._ask()["seconds"].get(lab, 0.0))

    def _ask(self) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(_ANSWER_SECONDS)
                place = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    asking.connect(f"/proc/self/fd/{place}/socket")
                finally:
                    os.close(place)
                asking.sendall(len(b"living").to_bytes(4, "big") + b"living")
                answer: dict[str, Any] = json.loads(b"".join(iter(lambda: asking.recv(1 << 16), b"")))
                return answer
        except (OSError, ValueError) as error:
            self.check()
            raise LabError(f"the fork server does not answer: {error}", source="fork server", log=self.log()) from error


def own_places(home: Path) -> dict[str, str]:
    """Make the folders of a process below `home`, for temporary files too; returns the variables that name them.

    Prefect's worker and runner leave folders in TMPDIR when they are killed.
    """
    prefect, temporary = home / ".prefect", home / "tmp"
    for folder in (prefect, temporary):
        folder.mkdir(parents=True)
    return {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PREFECT_HOME": str(prefect),
        "PREFECT_PROFILES_PATH": str(prefect / "profiles.toml"),
    }


def can_fork() -> bool:
    """Whether this host can run fork servers at all."""
    return sys.platform == "linux"
