"""The server: it imports Prefect, forks for each request, passes signals on, and reaps what ended."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import py_compile
import selectors
import signal
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from . import client, forked, warm
from .request import PATIENCE, Request, parse, peer, receive

_LONGEST_FIRST_LINE = 250  # of a script, to the kernel: 255 from Linux 5.1 on
# What the interpreter, its C library or the loader reads when it starts; a fork cannot take another value of these.
_STARTING = (b"PYTHON", b"LC_", b"LD_", b"LANG", b"MALLOC_")
_LABEL = b"PREFECT_RUN_SURVIVAL_LAB"  # the variable that says which lab a process belongs to


def main(words: Sequence[str]) -> int:
    """Serve, as the words FOLDER [-- ARGUMENTS] say; returns the exit code."""
    folder, *rest = words
    return serve(os.path.abspath(folder), rest[1:] if rest[:1] == ["--"] else [])


def serve(folder: str, first: Sequence[str]) -> int:
    """Import Prefect, then fork for each request until standard input ends or the first process does."""
    gc.disable()  # nothing is collected while what is imported piles up; a child has it on again
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in ("ready", "socket"):  # of an earlier life of this container
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    python = sys.executable
    imported: set[str] = set()
    reason = _write_client(folder, python) or warm.import_everything(imported)
    if reason:
        _write(os.path.join(folder, "ready"), reason)
        print(f"fork server: {reason}; processes are started anew", file=sys.stderr, flush=True)
        if first:
            os.execv(python, [python, *first])
        return 0
    return _Server(folder, imported).run(first)


def _write_client(folder: str, python: str) -> str:
    """Write `python` into the folder: the client, compiled, run by the subject's Python without its site packages.

    Not by a shell, which would add variables of its own. Returns why this is impossible here, or nothing.
    """
    first = f"#!{python} -IS\n"
    if len(first) > _LONGEST_FIRST_LINE or len(python.split()) > 1:
        return f"the kernel takes no first line of a script such as {first.strip()!r}"
    py_compile.compile(client.__file__, cfile=os.path.join(folder, "fork_client.pyc"), doraise=True)
    text = f"{first}import sys\nsys.path.insert(0, {folder!r})\nfrom fork_client import client\n"
    text += f"client({folder!r}, {python!r}, sys.argv[1:])\n"
    _write(os.path.join(folder, "python"), text, mode=0o700)
    return ""


def _write(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file whole, by a rename."""
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(beside, path)


class _Child:
    """A forked process: its client's connection and process id, its lab, and its first words."""

    def __init__(self, label: str, words: Sequence[str]) -> None:
        self.label, self.words = label, words
        self.connection: Any = None
        self.client_pid: int | None = None


class _Server:
    """The loop."""

    def __init__(self, folder: str, imported: set[str]) -> None:
        self._folder = folder
        self._children: dict[int, _Child] = {}  # by pid
        self._seconds: dict[str, float] = {}  # of processor time, of children that ended, by label
        self._first: int | None = None
        self._status: int | None = None  # of the first process, once it ended
        self._interpreter = forked.Interpreter(os.path.join(folder, "python"), imported)
        self._environment = dict(os.environb)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._listener.bind(f"/proc/self/fd/{place}/socket")
        os.close(place)
        self._listener.listen(128)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, "listener")
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        self._selector.register(self._woken, selectors.EVENT_READ, "woken")
        gc.collect()
        gc.freeze()

    def run(self, first: Sequence[str]) -> int:
        """Serve; returns the exit code, or dies of the signal that the first process died of."""
        signal.set_wakeup_fd(self._wake)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the wakeup descriptor gets its number
        if first:
            self._first = self._fork(Request(first, self._environment, None, {0: 0, 1: 1, 2: 2}))
        elif _is_pipe(0):
            self._selector.register(0, selectors.EVENT_READ, "owner")
        _write(os.path.join(self._folder, "ready"), "")
        while self._status is None:
            for key, _ in self._selector.select():
                if key.data == "listener":
                    self._accept()
                elif key.data == "woken":
                    self._act_on_signals()
                elif key.data == "owner":
                    if not os.read(0, 4096):
                        return 0  # the kernel ends the children
                else:
                    self._hear(key.data)
        if os.WIFSIGNALED(self._status):
            of = os.WTERMSIG(self._status)
            if of != signal.SIGKILL:
                signal.signal(of, signal.SIG_DFL)
            os.kill(os.getpid(), of)
        return os.WEXITSTATUS(self._status)

    def _act_on_signals(self) -> None:
        numbers = set(os.read(self._woken, 4096))
        for number in numbers & {signal.SIGINT, signal.SIGTERM}:
            if self._first is None:
                self._status = number  # as a status says it: died of this signal
            else:
                _signal(self._first, number)
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if pid == self._first:
                self._status = status
            if child is None:
                continue
            self._seconds[child.label] = self._seconds.get(child.label, 0.0) + used.ru_utime + used.ru_stime
            if child.connection is not None:
                self._close(child.connection, b"%d\n" % status)

    def _close(self, connection: Any, last_word: bytes) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(last_word)
        connection.close()

    def _hear(self, pid: int) -> None:
        """Read what a client sent: the numbers of signals to pass on, or its end, which ends its process."""
        child = self._children.get(pid)
        if child is None:
            return
        try:
            said = child.connection.recv(4096)
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(child.connection)
            _signal(pid, signal.SIGKILL)  # the client was killed, so its process is
            child.connection.close()
            child.connection = None
            return
        for number in said:
            _signal(pid, number)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE)
        descriptors: list[int] = []
        try:
            pid = peer(connection)
            facts = receive(connection, descriptors)
            if facts[0] == b"living":
                connection.sendall(self._living())
                connection.close()
            else:
                self._start(connection, pid, parse(facts, descriptors))
        except Exception as error:  # one bad request must not end the others' processes
            print(f"fork server: a request failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            connection.close()
        finally:
            for number in descriptors:
                os.close(number)

    def _living(self) -> bytes:
        """The processes forked (pid, the client's pid, label, command) and the seconds used by those that ended."""
        living = [
            {"pid": pid, "client": child.client_pid, "label": child.label, "command": child.words}
            for pid, child in self._children.items()
        ]
        return json.dumps({"living": living, "seconds": self._seconds}).encode() + b"\n"

    def _start(self, connection: Any, client_pid: int, request: Request) -> None:
        if _starting(request.environment) != _starting(self._environment):
            connection.sendall(b"anew\n")
            connection.close()
            return
        pid = self._fork(request)
        child = self._children[pid]
        child.client_pid = client_pid
        try:
            connection.sendall(b"forked\n")
        except OSError:  # its client is gone already
            _signal(pid, signal.SIGKILL)
            raise
        child.connection = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)

    def _fork(self, request: Request) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        server = os.getpid()
        # Until the child has handlers of its own, a signal to it would be taken for one to the server.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._children[pid] = _Child(os.fsdecode(request.environment.get(_LABEL, b"")), request.words[:6])
            return pid
        code = 70
        try:
            self._interpreter.become_a_new_one(server, request, close=self._selector.close)
            code = self._interpreter.run(request.words)
        except BaseException:  # nothing of a child may reach the server's loop
            forked.print_error()
        finally:
            forked.end(code)
        raise AssertionError("unreachable")


def _is_pipe(number: int) -> bool:
    return client.is_open(number) and stat.S_ISFIFO(os.fstat(number).st_mode)


def _starting(environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What the interpreter, its C library or the loader has read by the time that a program starts."""
    return {name: value for name, value in environment.items() if name.startswith(_STARTING)}


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
