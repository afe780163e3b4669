"""One container of a lab: its life, commands in it, its files and its log."""

from __future__ import annotations

import io
import shlex
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import docker.errors
from docker.models.containers import Container

from harness.engines.base import CommandResult, clock_read
from harness.engines.containers.cgroup import cgroup_of, usage_of
from harness.engines.inside import ASK_CLOCK, ASK_VERSION, FORK_SERVER_SECONDS
from harness.words.errors import DeadlineError, LabError
from harness.words.facts import PartSeen
from harness.words.ownership import PROJECT
from harness.words.waiting import NotYet, wait_until

LABEL_LAB = f"{PROJECT}.lab"
LABEL_NODE = f"{PROJECT}.node"
# Where docker/Dockerfile puts things.
HOME = "/home/subject"
FORKING = f"{HOME}/.fork"  # the folder of a container's fork server
PREFECT = "/opt/subject/bin/prefect"  # run by Python: releases before 3.1 have no `python -m prefect`
SCENARIOS = PurePosixPath("/srv/scenarios")
_USER = "1000:1000"


class ContainerNode:
    """One container."""

    def __init__(self, name: str, container: Container, *, forks: bool, network: str = "", alias: str = "") -> None:
        self.name, self._network, self._alias = name, network, alias
        self._python = f"{FORKING}/python" if forks else "python3"
        self.container = container
        self._used = self._used_before = 0.0  # processor seconds since it started last, and before
        self._cgroup: Path | None = None

    def running(self) -> bool:
        """Whether the engine says that it lives; one that is paused does."""
        self.container.reload()
        return self.container.status in ("running", "paused")

    def start(self) -> None:
        """Start the container again, its files as they were."""
        self._used_before, self._used = self._used_before + self._used, 0.0
        self.container.start()

    def cpu_seconds(self) -> float:
        """Its processor time so far. The engine's counter starts at 0 with each start and ends with the container."""
        if not self._cgroup:
            with suppress(docker.errors.DockerException, OSError):
                self.container.reload()
                self._cgroup = cgroup_of(int(self.container.attrs["State"]["Pid"]), str(self.container.id))
        with suppress(docker.errors.DockerException, OSError, KeyError, ValueError):
            self._used = max(self._used, usage_of(self._cgroup) if self._cgroup else self._asked_seconds())
        return self._used_before + self._used

    def _asked_seconds(self) -> float:
        """What the engine says, for engines on another host: it takes a second."""
        stats: Any = self.container.stats(stream=False, one_shot=True)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def stop(self, *, grace: float) -> bool:
        """SIGINT to the container's command, SIGKILL after `grace` seconds; returns whether SIGINT was enough."""
        self.container.kill(signal="SIGINT")
        try:
            self.end(seconds=grace)
        except DeadlineError:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL if it lives; returns once the engine says that it is dead."""
        if not self.running():
            return
        self.cpu_seconds()
        # It may end by itself meanwhile, which the engine answers with a conflict. Its death is waited for anyway.
        with suppress(docker.errors.APIError):
            self.container.kill()

        def dead() -> None:
            if self.running():
                raise NotYet(f"{self.name} is {self.container.status}")

        wait_until(f"the death of {self.name}", dead, seconds=20)

    def seen(self) -> PartSeen:
        """It by the engine's own word."""
        self.container.reload()
        said: Any = self.container.attrs
        state = said["State"]
        ended, networks = not state["Running"], len(said["NetworkSettings"]["Networks"])
        return PartSeen(
            state="ended" if ended else "frozen" if state["Paused"] else "running",
            pid=None if ended else int(state["Pid"]),
            began=str(state["StartedAt"]),
            exit_code=int(state["ExitCode"]) if ended else None,
            networks=networks,
        )

    def freeze(self) -> None:
        """Pause the container: the kernel freezes all of its processes."""
        self.container.pause()

    def thaw(self) -> None:
        """Let the container run on."""
        self.container.unpause()

    def cut_off(self) -> None:
        """Take it off its lab's network, which is its only one."""
        self._lab_network().disconnect(self.container, force=True)

    def connect(self) -> None:
        """Put it on its lab's network again, under its name there."""
        self._lab_network().connect(self.container, aliases=[self._alias])

    def _lab_network(self) -> Any:
        client = self.container.client
        assert client is not None  # a container that comes from a client has one
        return client.networks.get(self._network)

    def process(self, pid: int) -> PartSeen:
        """One of its processes, as its /proc has it: the state and the start time, in ticks since the boot."""
        said = self.execute(["cat", f"/proc/{pid}/stat"], cwd="/", seconds=20)
        fields = said.output.rpartition(")")[2].split()
        if said.exit_code or not fields or fields[0] in "ZX":
            return PartSeen(state="ended", pid=pid)
        return PartSeen(state="frozen" if fields[0] == "T" else "running", pid=pid, began=fields[19])

    def kill_process(self, pid: int) -> None:
        """SIGKILL to one of its processes."""
        done = self.execute(
            ["sh", "-c", f"kill -9 {pid}"], cwd="/", seconds=20
        )  # the image has no program of that name
        if done.exit_code:
            raise LabError(f"{self.name} has no process {pid}: {done.output.strip()}", source=self.name)

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run `prefect` with these arguments in the container (docker exec)."""
        return self.execute([self._python, PREFECT, *command], cwd=cwd, seconds=seconds)

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """Run a script by the image's Python."""
        return self.execute([self._python, script], cwd=cwd, seconds=seconds)

    def imported_version(self, *, seconds: float) -> str:
        """The version of Prefect that the image's Python imports."""
        return self.execute([self._python, "-c", ASK_VERSION], cwd=HOME, seconds=seconds).output.strip()

    def clock(self, *, seconds: float) -> float:
        """What a process in the container reads from its clock."""
        return clock_read(self.execute(["python3", "-c", ASK_CLOCK], cwd="/", seconds=seconds), self.name)

    def why_not_forked(self) -> str:
        """Why its fork server cannot serve, in its own words once it has imported Prefect; empty if it serves.

        Raises: LabError if it ended before, DeadlineError.
        """

        def said() -> str:
            asked = self.execute(["cat", f"{FORKING}/ready"], cwd="/", seconds=20)
            if asked.exit_code == 0:
                return str(asked.output.strip())
            if not self.running():
                raise LabError(f"the container {self.name} ended at once", source=self.name, log=self.log()[-4000:])
            raise NotYet(asked.output.strip())

        return wait_until("the fork server", said, seconds=FORK_SERVER_SECONDS, every=0.1, source=self.name)

    def end(self, *, seconds: float) -> int:
        """Wait for its end; returns the exit code. Raises DeadlineError if it takes longer than `seconds`."""

        def ended() -> int:
            if self.running():
                raise NotYet("; ".join(self.log()[-300:].splitlines()[-2:]))
            return int(self.container.attrs["State"]["ExitCode"])

        return wait_until(f"the end of {self.name}", ended, seconds=seconds, source=self.name)

    def execute(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run any command in the container (docker exec)."""
        client = self.container.client
        assert client is not None  # a container that comes from a client has one
        api = client.api
        started = time.monotonic()
        # The command is also ended inside the container, a little after this wait gives up.
        bounded = ["timeout", "-k", "5", str(int(seconds) + 5), *command]
        handle = api.exec_create(self.container.id, bounded, workdir=cwd, user=_USER)["Id"]
        output: list[bytes] = []
        reader = threading.Thread(target=lambda: output.append(api.exec_start(handle)), daemon=True)
        reader.start()
        reader.join(seconds)
        said = b"".join(output).decode(errors="replace")
        if reader.is_alive():
            raise LabError(
                f"`{shlex.join(command)}` did not end within {seconds:.0f} s",
                source=self.name,
                log=said[-4000:],
            )
        code = api.exec_inspect(handle)["ExitCode"]
        if code is None:
            raise LabError(f"`{shlex.join(command)}` was cut off", source=self.name, log=said[-4000:])
        return CommandResult(int(code), said, time.monotonic() - started)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into the container, owned by the user its processes run as."""
        bundle = bundle_of(str(PurePosixPath(folder).relative_to(SCENARIOS)), files)
        if not self.container.put_archive(str(SCENARIOS), bundle):
            raise LabError(f"files could not be put into {self.name}", source=self.name)

    def read(self, path: str) -> bytes:
        """What a file in the container holds, or nothing if there is no such file; a dead container has its files."""
        try:
            return files_at(self.container, path)[PurePosixPath(path).name]
        except docker.errors.NotFound:
            return b""

    def shell(self, cwd: str) -> str:
        """By `docker exec`."""
        return shlex.join(["docker", "exec", "-w", cwd, str(self.container.name), self._python, PREFECT])

    def log(self) -> str:
        """What the container printed so far, with the engine's time before each line."""
        return str(self.container.logs(timestamps=True).decode(errors="replace"))


def bundle_of(folder: str, files: Mapping[str, bytes]) -> bytes:
    """A folder with these files, owned by the user that a container's processes run as, as a tar archive."""
    bundle, path = io.BytesIO(), PurePosixPath(folder)
    with tarfile.open(fileobj=bundle, mode="w") as tar:
        entries: list[tuple[str, bytes | None]] = [(str(path), None)]
        entries += [(str(path / name), content) for name, content in files.items()]
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.uid = entry.gid = 1000
            entry.mtime = int(time.time())
            entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content) if content is not None else None)
    return bundle.getvalue()


def files_at(container: Container, path: str) -> dict[str, bytes]:
    """The files in a container at and under a path, by their own names. Raises docker's NotFound if it has no path."""
    chunks, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        found = ((PurePosixPath(member.name).name, tar.extractfile(member)) for member in tar.getmembers())
        return {name: content.read() for name, content in found if content}
