"""A warm interpreter of the subject that forks for each process a lab wants, so that Prefect is imported once.

Runs inside the subject, by the subject's own Python, from a copy of this one file: the standard library alone, nothing
of the harness. Linux and CPython, since it lives on `fork`, `prctl` and descriptors passed over a unix socket.

    python fork_server.py FOLDER [-- ARGUMENTS]   the server. FOLDER gets `socket`, and `python`, the client;
                                                  ARGUMENTS, what the first process runs, as after `python`: the server
                                                  passes SIGINT and SIGTERM on to it, and ends as it ends
    FOLDER/python ARGUMENTS                       the client: stands where `python ARGUMENTS` would stand, passes
                                                  signals on, and ends as the forked process ended

Once it can serve, it writes FOLDER/ready: an empty file, or the reason why this subject cannot be served so. Clients
then start the subject's Python anew, and so they do for what a fork could not do alike: options of the interpreter, or
another value of a variable that the interpreter reads as it starts.

The forked process has the client's arguments, environment, working directory, umask, ignored signals and open
descriptors, a session of its own, and Prefect's settings read anew. It shares the server's hash seed. It dies with the
server (PR_SET_PDEATHSIG), and the server ends when its standard input does.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself costs a client a tenth of its time
    import _socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

_PROTOCOL = b"2"
_NO_ANSWER = 120  # the client's exit code where the fork server is gone
_WAIT_SECONDS = 300  # for a fork server that is still importing
_REQUEST_SECONDS = 20
_MOST_DESCRIPTORS = 200
_LONGEST_FIRST_LINE = 250  # of a script, to the kernel: 255 from Linux 5.1 on
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")
# What the interpreter, its C library or the loader reads as it starts; a fork cannot take another value of these.
_STARTING = (b"PYTHON", b"LC_", b"LD_", b"LANG", b"MALLOC_")

# What a lab's processes import, from 2.20 to 3.9; one that a release does not have is passed over.
_WARM = [
    "prefect.main",
    "prefect.cli",
    "prefect.cli.deploy",
    "prefect.cli.worker",
    "prefect.cli.server",
    "prefect.cli.deployment",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.workers.process",
    "prefect.runner",
    "prefect.deployments.runner",
    "prefect.deployments.steps",
    "prefect.deployments.steps.core",
    "prefect.deployments.steps.pull",
    "prefect.server.api.server",
    "prefect.server.services.scheduler",
    "prefect.server.services.late_runs",
    "prefect.server.database.alembic_commands",
    "prefect.server.models.block_registration",
    "uvicorn",
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "uvicorn.loops.auto",
    "aiosqlite",
    "asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "yaml",
    "multiprocessing.spawn",
    "multiprocessing.popen_spawn_posix",
    "importlib.metadata",
]


# The client. It is started for each process, so it imports as little as it can.


def client(folder: str, python: str, words: Sequence[str]) -> NoReturn:
    """Have the fork server of `folder` run these words as `python` would; never returns."""
    try:
        inherited = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        inherited = []
    inherited = [number for number in inherited if _is_open(number)]  # not the one that listed them
    connection = None if _run_by(words) is None or len(inherited) > _MOST_DESCRIPTORS else _connect(folder)
    if connection is None:
        os.execv(python, [python, *words])  # the subject's own
    import _signal as signal  # type: ignore[import-not-found] # what `signal` wraps in enums, in a tenth of its time

    ignored = [n for n in signal.valid_signals() if n > 0 and signal.getsignal(n) == signal.SIG_IGN]
    ignored = [n for n in ignored if n not in (signal.SIGPIPE, signal.SIGXFSZ)]  # those Python itself ignores
    umask = os.umask(0o22)
    os.umask(umask)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    facts = [_PROTOCOL, b",".join(b"%d" % n for n in inherited), b",".join(b"%d" % n for n in ignored), b"%d" % umask]
    facts += [b"%d" % len(words), *map(os.fsencode, words)]
    facts += [name + b"=" + value for name, value in os.environb.items()]
    message = b"\0".join(facts)
    import _socket

    def send() -> None:
        descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in [here, *inherited])
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)]
        connection.sendmsg([len(message).to_bytes(4, "big")], rights)
        connection.sendall(message)

    # The process may run, and its client be signalled, before the client has its handlers: a signal waits for them.
    forwarded = [getattr(signal, name) for name in _FORWARDED]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    _or_say_gone(send)
    os.close(here)
    if _answer(connection) == b"anew":
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execv(python, [python, *words])
    # The interpreter's own handler writes a signal's number to the fork server. A handler in Python would not run where
    # the signal comes just before the wait for the answer.
    connection.setblocking(False)
    signal.set_wakeup_fd(connection.fileno(), warn_on_full_buffer=False)
    for number in forwarded:
        if number not in ignored:
            signal.signal(number, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    status = int(_answer(connection))
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _run_by(words: Sequence[str]) -> str | None:
    """How the interpreter would run these words (`-m`, `-c`, `script`); None where a fork could not do it alike."""
    if not words:
        return None
    if words[0] in ("-m", "-c"):
        return words[0] if len(words) > 1 else None
    if words[0].startswith("-") or os.path.isdir(words[0]):
        return None
    return "script"


def _connect(folder: str) -> _socket.socket | None:
    """A connection to the fork server; None where it says that this subject cannot be served so."""
    import time

    ready, patience = os.path.join(folder, "ready"), time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            if os.stat(ready).st_size:
                return None
            break
        except OSError:
            if time.monotonic() > patience or not os.path.isdir(folder):
                _gone(f"nothing is ready in {folder}")
            time.sleep(0.05)
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    # By the folder's descriptor, since a socket's own path may be 107 bytes at most.
    _or_say_gone(lambda: connection.connect(f"/proc/self/fd/{place}/socket"))
    os.close(place)
    return connection


def _answer(connection: _socket.socket) -> bytes:
    import select

    said, poll = b"", select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    while not said.endswith(b"\n"):
        poll.poll()
        part = _or_say_gone(lambda: connection.recv(1))
        if not part:
            _gone("it ended")
        said += part
    return said.strip()


def _or_say_gone(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OSError as error:
        _gone(str(error))


def _gone(why: str) -> NoReturn:
    os.write(2, f"the fork server is gone: {why}\n".encode())
    os._exit(_NO_ANSWER)


# The server.


def serve(folder: str, first: Sequence[str]) -> int:
    """Import Prefect, then fork for each request until standard input ends or the first process does."""
    import gc

    gc.disable()  # nothing is collected while what is imported piles up; a child has it on again
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in ("ready", "socket"):  # of an earlier life of this container
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    python = sys.executable
    reason = _write_client(folder, python) or _import_everything()
    if reason:
        _write(os.path.join(folder, "ready"), reason)
        print(f"fork server: {reason}; processes are started anew", file=sys.stderr, flush=True)
        if first:
            os.execv(python, [python, *first])
        return 0
    return _Server(folder).run(first)


def _write_client(folder: str, python: str) -> str:
    """`python` in the folder: the client, compiled, run by the subject's Python without its site packages.

    Not by a shell, which would add variables of its own. Returns why there can be none, or nothing.
    """
    import py_compile

    first = f"#!{python} -IS\n"
    if len(first) > _LONGEST_FIRST_LINE or len(python.split()) > 1:
        return f"the kernel takes no first line of a script such as {first.strip()!r}"
    py_compile.compile(os.path.abspath(__file__), cfile=os.path.join(folder, "fork_server.pyc"), doraise=True)
    words = f"[{'--client'!r}, {folder!r}, {python!r}, *sys.argv[1:]]"
    text = f"{first}import sys\nsys.path.insert(0, {folder!r})\nfrom fork_server import main\nmain({words})\n"
    _write(os.path.join(folder, "python"), text, mode=0o700)
    return ""


def _write(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file whole, by a rename."""
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(beside, path)


def _import_everything() -> str:
    """Import what a lab's processes import; returns why this interpreter cannot fork, or nothing."""
    import importlib
    import platform

    # Not this file's own folder: a new process has another first entry, which a forked one is given.
    del sys.path[0]
    if sys.platform != "linux" or platform.python_implementation() != "CPython":
        return f"a fork server wants CPython on Linux, and this is {platform.python_implementation()} on {sys.platform}"
    open_before = _open_descriptors()
    importlib.import_module("prefect")
    _imported_by_prefect.update(sys.modules)
    for name in _WARM:
        try:
            importlib.import_module(name)
        except Exception as error:  # an era's own; the process that needs it will say so itself
            if not (isinstance(error, ImportError) and name.startswith((error.name or "?").partition(".")[0])):
                print(f"fork server: {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return f"importing Prefect started {threads - 1} threads, which a fork would not take along"
    if left := _open_descriptors() - open_before:
        return f"importing Prefect left {len(left)} descriptors open, which every fork would share"
    return ""


_imported_by_prefect: set[str] = set()  # the modules that `import prefect` alone brings


def _open_descriptors() -> set[int]:
    return {number for number in map(int, os.listdir("/proc/self/fd")) if _is_open(number)}


class _Child:
    """A forked process: its client's connection, and what it is called in the answers to `living`."""

    def __init__(self, connection: Any, client_pid: int | None, label: str, words: Sequence[str]) -> None:
        self.connection, self.client_pid, self.label, self.words = connection, client_pid, label, words


class _Server:
    """The loop: it accepts requests, passes signals on, and reaps."""

    LABEL = b"PREFECT_RUN_SURVIVAL_LAB="  # the variable by which processor time is told apart

    def __init__(self, folder: str) -> None:
        import ctypes
        import gc
        import random
        import selectors
        import signal
        import socket

        self._folder = folder
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._children: dict[int, _Child] = {}  # by pid
        self._seconds: dict[str, float] = {}  # of processor time, of children that ended, by label
        self._first: int | None = None
        self._status: int | None = None  # of the first process, once it ended
        # Every generator that an import made: a new process would have made its own.
        self._random = [each for each in gc.get_objects() if isinstance(each, random.Random)]
        self._environment = dict(os.environb)
        self._signals = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._listener.bind(f"/proc/self/fd/{place}/socket")
        os.close(place)
        self._listener.listen(128)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, "listener")
        woken, self._wake = os.pipe()
        for end in (woken, self._wake):
            os.set_blocking(end, False)
        self._selector.register(woken, selectors.EVENT_READ, "woken")
        self._woken = woken
        gc.collect()
        gc.freeze()

    def run(self, first: Sequence[str]) -> int:
        """Serve; returns the exit code, or dies of the signal that the first process died of."""
        import selectors
        import signal

        signal.set_wakeup_fd(self._wake)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the wakeup descriptor gets its number
        if first:
            self._first = self._fork(first, dict(self._environment), None, {0: 0, 1: 1, 2: 2}, {})
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
        import signal

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
        import contextlib

        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(last_word)
        connection.close()

    def _hear(self, pid: int) -> None:
        """A client's word: the numbers of signals to pass on, or its end, which ends its process."""
        import signal

        child = self._children.get(pid)
        if child is None:
            return
        try:
            said = child.connection.recv(4096)
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(child.connection)
            _signal(pid, signal.SIGKILL)  # it stands for its client, which cannot have died of anything else
            child.connection.close()
            child.connection = None
            return
        for number in said:
            _signal(pid, number)

    def _accept(self) -> None:
        import socket
        import struct

        connection, _ = self._listener.accept()
        connection.settimeout(_REQUEST_SECONDS)  # a client that says nothing keeps nobody waiting for ever
        descriptors: list[int] = []
        try:
            pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid != os.geteuid():
                raise ValueError("another user")
            message, descriptors = _receive(connection)
            facts = message.split(b"\0")
            if facts[0] == b"living":
                connection.sendall(self._living())
                connection.close()
            elif facts[0] == _PROTOCOL:
                self._start(connection, pid, facts, descriptors)
            else:
                raise ValueError("another protocol")
        except Exception as error:  # one bad request must not end the others' processes
            print(f"fork server: a request failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            connection.close()
        finally:
            for number in descriptors:
                os.close(number)

    def _living(self) -> bytes:
        """The processes forked (pid, the client's pid, label, command) and the seconds used by those that ended."""
        import json

        living = [
            {"pid": pid, "client": child.client_pid, "label": child.label, "command": child.words}
            for pid, child in self._children.items()
        ]
        return json.dumps({"living": living, "seconds": self._seconds}).encode() + b"\n"

    def _start(self, connection: Any, client_pid: int, facts: Sequence[bytes], descriptors: Sequence[int]) -> None:
        import selectors
        import signal

        _, numbers, ignored, umask, count, *rest = facts
        words, lines = [os.fsdecode(word) for word in rest[: int(count)]], rest[int(count) :]
        environment = dict(line.split(b"=", 1) for line in lines)
        if _starting(environment) != _starting(self._environment):
            connection.sendall(b"anew\n")
            connection.close()
            return
        targets = [int(number) for number in numbers.split(b",") if number]
        if len(targets) + 1 != len(descriptors):
            raise ValueError("descriptors were lost on the way")
        own = {"ignored": [int(number) for number in ignored.split(b",") if number], "umask": int(umask)}
        passed = dict(zip(targets, descriptors[1:]))  # noqa: B905 - a subject may run on Python 3.9
        pid = self._fork(words, environment, descriptors[0], passed, own)
        child = self._children[pid]
        child.client_pid = client_pid
        try:
            connection.sendall(b"forked\n")
        except OSError:  # its client is gone already
            _signal(pid, signal.SIGKILL)
            raise
        child.connection = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)

    def _fork(
        self,
        words: Sequence[str],
        environment: Mapping[bytes, bytes],
        folder: int | None,
        passed: Mapping[int, int],
        own: Mapping[str, Any],
    ) -> int:
        import signal

        sys.stdout.flush()
        sys.stderr.flush()
        server = os.getpid()
        # Until the child has handlers of its own, a signal to it would be taken for one to the server.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            label = next((os.fsdecode(v) for k, v in environment.items() if k + b"=" == self.LABEL), "")
            self._children[pid] = _Child(None, None, label, words[:6])
            return pid
        code = 70
        try:
            self._become(server, environment, folder, passed, own)
            code = _run(words)
        except BaseException:  # nothing of a child may reach the server's loop
            _print_error()
        finally:
            _end(code)
        raise AssertionError("unreachable")

    def _become(
        self,
        server: int,
        environment: Mapping[bytes, bytes],
        folder: int | None,
        passed: Mapping[int, int],
        own: Mapping[str, Any],
    ) -> None:
        """In the child: everything that a new process would have of its own."""
        import contextlib
        import gc
        import signal
        import time
        import warnings

        self._prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != server:
            os._exit(128 + signal.SIGKILL)
        os.setsid()
        signal.set_wakeup_fd(-1)
        ignored = own["ignored"] if own else [n for n, handler in self._signals.items() if handler == signal.SIG_IGN]
        # As the interpreter sets them when it starts.
        of_python: dict[int, Any] = {signal.SIGPIPE: signal.SIG_IGN, signal.SIGXFSZ: signal.SIG_IGN}
        of_python[signal.SIGINT] = signal.default_int_handler
        for number in signal.valid_signals():
            with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP, and the C library's own
                signal.signal(number, signal.SIG_IGN if number in ignored else of_python.get(number, signal.SIG_DFL))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.close()
        if folder is not None:
            os.fchdir(folder)
        _take_over(passed)
        os.umask(own.get("umask", os.umask(0o22)))
        outputs: list[tuple[int, Any]] = [(1, sys.stdout), (2, sys.stderr)]
        for descriptor, stream in outputs:
            stream.reconfigure(line_buffering=descriptor == 2 or os.isatty(descriptor))
        os.environ.clear()
        os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()})
        time.tzset()
        for each in self._random:
            each.seed()
        sys.executable = os.path.join(self._folder, "python")
        _forget_what_was_asked()
        with warnings.catch_warnings():
            pass  # each warning may be given once more
        gc.enable()


def _is_pipe(number: int) -> bool:
    import stat

    return _is_open(number) and stat.S_ISFIFO(os.fstat(number).st_mode)


def _starting(environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What the interpreter, its C library or the loader has read by the time that a program starts."""
    return {name: value for name, value in environment.items() if name.startswith(_STARTING)}


def _receive(connection: Any) -> tuple[bytes, list[int]]:
    """A request, and the descriptors that came with it. Raises: OSError, ValueError."""
    import array
    import socket

    descriptors = array.array("i")
    room = socket.CMSG_SPACE((_MOST_DESCRIPTORS + 1) * descriptors.itemsize)
    head, ancillary, _, _ = connection.recvmsg(4, room)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    length = int.from_bytes(head, "big")
    message = bytearray()
    while len(message) < length:
        part = connection.recv(min(1 << 16, length - len(message)))
        if not part:
            raise ValueError("it was cut short")
        message += part
    return bytes(message), list(descriptors)


def _signal(pid: int, number: int) -> None:
    import contextlib

    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


# In the child.


def _take_over(passed: Mapping[int, int]) -> None:
    """Have the client's descriptors under their own numbers, and no other."""
    highest = max([2, *passed, *passed.values()]) + 1
    import fcntl

    moved = {number: fcntl.fcntl(descriptor, fcntl.F_DUPFD, highest) for number, descriptor in passed.items()}
    keep = set(moved.values())
    for number in _open_descriptors() - keep:
        os.close(number)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)


def _forget_what_was_asked() -> None:
    """Undo what an import may have asked of the environment, the clock or chance, but Prefect's settings."""
    modules: dict[str, Any] = sys.modules
    if tempfile := modules.get("tempfile"):
        tempfile.tempdir = None
        tempfile._name_sequence = None
    if process := modules.get("multiprocessing.process"):
        process.current_process().authkey = os.urandom(32)
    if context := modules.get("multiprocessing.spawn"):
        context.set_executable(os.fsencode(sys.executable))


def _read_settings() -> None:
    """Prefect reads its settings as it is imported; read them anew, from this environment and working directory."""
    context: Any = sys.modules["prefect.context"]
    context.GLOBAL_SETTINGS_CONTEXT = None  # as it is at an import; 2.20 would take over what it holds
    context.GLOBAL_SETTINGS_CONTEXT = context.root_settings_context()
    sys.modules["prefect.logging.configuration"].setup_logging(incremental=False)


def _run(words: Sequence[str]) -> int:
    """Run `-m MODULE`, `-c CODE` or a script as the interpreter does; returns the exit code."""
    import importlib.machinery
    import types

    how = _run_by(words)
    main: Any = types.ModuleType("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__loader__ = importlib.machinery.BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    sys.orig_argv = [sys.executable, *words]
    try:
        if how == "-m":
            sys.argv = ["-m", *words[2:]]
            sys.path.insert(0, os.getcwd())
        elif how == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.path.insert(0, "")
        else:
            sys.argv = list(words)
            sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
        _read_settings()
        if how == "-m":
            import runpy

            # A module that only the warming imported is run as one that nobody has imported yet.
            if words[1] not in _imported_by_prefect:
                sys.modules.pop(words[1], None)
            getattr(runpy, "_run_module_as_main")(words[1])  # noqa: B009 - what `python -m` itself calls
        elif how == "-c":
            exec(compile(words[1], "<string>", "exec"), main.__dict__)
        else:
            _run_script(words[0], main)
    except SystemExit as end:
        return _code_of(end)
    except KeyboardInterrupt:
        # As the interpreter itself: the traceback, and then its own death by SIGINT.
        _print_error()
        return -2
    except BaseException:
        _print_error()
        return 1
    return 0


def _run_script(path: str, main: Any) -> None:
    import importlib.machinery

    path = os.path.abspath(path)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        why = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {path!r}: {why}", file=sys.stderr)
        raise SystemExit(2) from None
    main.__file__ = path
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    main.__cached__ = None
    exec(compile(source, path, "exec"), main.__dict__)


def _code_of(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def _print_error() -> None:
    import contextlib

    with contextlib.suppress(BaseException):
        kind, error, trace = sys.exc_info()
        # Without the frames of this file: a new process has none of them.
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        if kind and error:
            sys.excepthook(kind, error.with_traceback(trace), trace)


def _end(code: int) -> NoReturn:
    """End the child as the interpreter ends: threads joined, exit functions run, output written."""
    import atexit
    import contextlib
    import signal
    import threading

    try:
        getattr(threading, "_shutdown")()  # noqa: B009 - what the interpreter itself calls
        atexit._run_exitfuncs()
    except BaseException:
        _print_error()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120  # as the interpreter says of an output that took no more
    if code == -2:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def main(words: Sequence[str]) -> int:
    """Be the client or the server, as the words say; returns the exit code."""
    if words[0] == "--client":
        client(words[1], words[2], words[3:])
    folder, *rest = words
    return serve(os.path.abspath(folder), rest[1:] if rest[:1] == ["--"] else [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
