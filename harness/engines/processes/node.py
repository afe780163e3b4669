"""One process of a lab: its life, commands beside it, its files and its log."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.engines import postgres
from harness.engines.base import CommandResult, clock_read
from harness.engines.inside import ASK_CLOCK, ASK_VERSION
from harness.engines.processes.forking import LOG_FILE, ForkServer
from harness.engines.processes.tree import family, kill_tree, seen_as, signal_all
from harness.words.errors import LabError
from harness.words.facts import PartSeen

_NO_FORK_SERVER = 120  # the exit code of a client whose fork server is gone


class ProcessNode:
    """One process group, and the environment in which commands run beside it."""

    def __init__(
        self,
        name: str,
        home: Path,
        prefect: Sequence[str],
        command: Sequence[str],
        environment: dict[str, str],
        *,
        account: tuple[int, int] | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        self.name, self.home, self._account, self._forks = name, home, account, forks
        self._prefect, self._command, self._environment = prefect, command, environment
        self._log = home / LOG_FILE
        self._process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether its process lives. Raises LabError if it ended because its fork server did."""
        if self._process is not None and self._process.poll() == _NO_FORK_SERVER and self._forks:
            self._forks.check()
        return self._process is not None and self._process.poll() is None

    def ports(self) -> set[int]:
        """The ports that it and its descendants listen on."""
        if self._process is None:
            return set()
        with suppress(psutil.Error):
            connections = [c for p in self._family(self._process.pid) for c in p.net_connections("inet")]
            return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
        return set()

    def descendants(self) -> list[psutil.Process]:
        """Its process and what that started, without what was forked for them; empty if the process is dead."""
        return family(self._process.pid, ()) if self._process and self._process.poll() is None else []

    def _family(self, pid: int) -> list[psutil.Process]:
        """A process, its descendants, and what was forked for any of them."""
        return family(pid, self._forks.living() if self._forks else ())

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.home, env=self._environment, start_new_session=True, **postgres.as_account(self._account),
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the process, its group and every descendant; returns once all are dead."""
        if self._process is None:
            return
        kill_tree(self._process.pid, self._family)
        self._process.wait(timeout=20)

    def stop(self, *, grace: float) -> bool:
        """SIGINT to the process itself, `kill` after `grace` seconds; returns whether SIGINT was enough."""
        ended = True
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=grace)
            except subprocess.TimeoutExpired:
                ended = False
        self.kill()  # what it had started ends with it, as in a container
        return ended

    def seen(self) -> PartSeen:
        """It as the kernel sees the process that was started for it; `frozen` where all of its family is."""
        if self._process is None:
            return PartSeen(state="ended")
        if (code := self._process.poll()) is not None:
            return PartSeen(state="ended", pid=self._process.pid, exit_code=code)
        return seen_as(self._process.pid, self._family(self._process.pid))

    def freeze(self) -> None:
        """SIGSTOP to the process and every descendant; returns once all of them stand."""
        self._signal_all(signal.SIGSTOP, frozen=True)

    def thaw(self) -> None:
        """SIGCONT to all of them."""
        self._signal_all(signal.SIGCONT, frozen=False)

    def _signal_all(self, number: signal.Signals, *, frozen: bool) -> None:
        process = self._process
        if process is None:
            raise LabError(f"{self.name} was never started", source=self.name)
        signal_all(self.name, lambda: self._family(process.pid), number, frozen=frozen)

    def cut_off(self) -> None:
        """Raises LabError: a process has the host's network."""
        raise LabError("a process has no network of its own", source=self.name)

    def connect(self) -> None:
        """Raises LabError, as `cut_off` does."""
        self.cut_off()

    def process(self, pid: int) -> PartSeen:
        """One process of this host."""
        return seen_as(pid)

    def kill_process(self, pid: int) -> None:
        """SIGKILL to one process of its family."""
        mine = self._family(self._process.pid) if self._process else []
        for process in (each for each in mine if each.pid == pid):  # rule: kills-only-its-own (never)
            process.kill()
            return
        raise LabError(f"{self.name} has no process {pid}", source=self.name)

    def quit(self) -> None:
        """SIGQUIT, and a few seconds for the process to end: PostgreSQL's immediate shutdown frees what it shares."""
        if self._process is not None and self.running():
            self._process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run `prefect` with these arguments in `cwd`."""
        return self._run([*self._prefect, *command], cwd=cwd, seconds=seconds)

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """Run a script by the environment's Python."""
        return self._run([self._prefect[0], script], cwd=cwd, seconds=seconds)

    def imported_version(self, *, seconds: float) -> str:
        """The version of Prefect that the environment's Python imports."""
        return self._run([self._prefect[0], "-c", ASK_VERSION], cwd=str(self.home), seconds=seconds).output.strip()

    def clock(self, *, seconds: float) -> float:
        """What a process with its environment reads from its clock."""
        done = self._run([self._prefect[0], "-c", ASK_CLOCK], cwd=str(self.home), seconds=seconds)
        return clock_read(done, self.name)

    def _run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=cwd, env=self._environment, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid, self._family)
            said, _ = process.communicate()
            raise LabError(
                f"`{shlex.join(command)}` did not end within {seconds:.0f} s",
                source=self.name,
                log=said.decode(errors="replace")[-4000:],
            ) from None
        except BaseException:
            kill_tree(process.pid, self._family)
            raise
        if process.returncode == _NO_FORK_SERVER and self._forks:
            self._forks.check()
        return CommandResult(process.returncode, said.decode(errors="replace"), time.monotonic() - started)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into a folder; each appears whole."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            beside = path / f".{name}.new"
            beside.write_bytes(content)
            beside.replace(path / name)

    def read(self, path: str) -> bytes:
        """What a file holds, or nothing if there is no such file."""
        file = Path(path)
        return file.read_bytes() if file.exists() else b""

    def shell(self, cwd: str) -> str:
        """By a script that it writes, since the command needs the node's whole environment."""
        script = self.home / "prefect"
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        line = shlex.join(["env", "-i", *environment, *self._prefect])
        script.write_text(f'#!/bin/sh\ncd {shlex.quote(cwd)} && exec {line} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        return shlex.quote(str(script))

    def log(self) -> str:
        """What the process printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
