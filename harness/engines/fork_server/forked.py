"""A forked process: it is made like a new interpreter, runs what was asked for, and ends like an interpreter."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib.machinery
import os
import random
import runpy
import signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from .client import run_by
from .request import Request
from .warm import open_descriptors

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


class Interpreter:
    """What the fork server keeps of the moment after all imports, so that a child can be made like a new interpreter.

    `python` is what stands as `sys.executable`; `imported` names the modules that `import prefect` alone brings.
    """

    def __init__(self, python: str, imported: set[str]) -> None:
        self._python, self._imported = python, imported
        libraries = ctypes.CDLL(None, use_errno=True)
        self._prctl = libraries.prctl
        # Where a movable clock was loaded (movable_clock.c), this has it look for its file anew.
        self._find_clock = getattr(libraries, "prefect_run_survival_clock", lambda: None)
        # Every generator that an import made: a new process would have made its own.
        self._random = [each for each in gc.get_objects() if isinstance(each, random.Random)]
        self._signals = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def become_a_new_one(self, server: int, request: Request, *, close: Callable[[], None]) -> None:
        """In a child of the process `server`: have everything that a new process would have of its own.

        `close` is called before descriptors are, so that nothing of the server's closes one of the child's later.
        """
        self._prctl(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(128 + signal.SIGKILL)
        os.setsid()
        self._reset_signals(request)
        close()
        if request.folder is not None:
            os.fchdir(request.folder)
        _take_over(request.passed)
        if request.umask is not None:
            os.umask(request.umask)
        outputs: list[tuple[int, Any]] = [(1, sys.stdout), (2, sys.stderr)]
        for descriptor, stream in outputs:
            stream.reconfigure(line_buffering=descriptor == 2 or os.isatty(descriptor))
        os.environ.clear()
        os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in request.environment.items()})
        self._find_clock()
        time.tzset()
        for each in self._random:
            each.seed()
        sys.executable = self._python
        _forget_what_was_asked()
        with warnings.catch_warnings():
            pass  # each warning may be given once more
        gc.enable()

    def _reset_signals(self, request: Request) -> None:
        """Set each signal's handling as the interpreter sets it when it starts, then let signals come."""
        signal.set_wakeup_fd(-1)
        ignored = request.ignored
        if ignored is None:
            ignored = [number for number, handler in self._signals.items() if handler == signal.SIG_IGN]
        of_python: dict[int, Any] = {signal.SIGPIPE: signal.SIG_IGN, signal.SIGXFSZ: signal.SIG_IGN}
        of_python[signal.SIGINT] = signal.default_int_handler
        for number in signal.valid_signals():
            with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP, and the C library's own
                signal.signal(number, signal.SIG_IGN if number in ignored else of_python.get(number, signal.SIG_DFL))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def run(self, words: Sequence[str]) -> int:
        """Run `-m MODULE`, `-c CODE` or a script as the interpreter does; returns the exit code."""
        how = run_by(words)
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
                # A module that only the warming imported is run as one that nobody has imported yet.
                if words[1] not in self._imported:
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
            print_error()
            return -2
        except BaseException:
            print_error()
            return 1
        return 0


def _take_over(passed: Mapping[int, int]) -> None:
    """Have the client's descriptors under their own numbers, and no other."""
    highest = max([2, *passed, *passed.values()]) + 1
    moved = {number: fcntl.fcntl(descriptor, fcntl.F_DUPFD, highest) for number, descriptor in passed.items()}
    keep = set(moved.values())
    for number in open_descriptors() - keep:
        os.close(number)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)


def _forget_what_was_asked() -> None:
    """Undo what an import may have asked of the environment, the clock or chance, but Prefect's settings."""
    modules: dict[str, Any] = sys.modules
    for name in [name for name in modules if name.partition(".")[0] == __package__]:
        del modules[name]  # this package: a new process has none of it
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


def _run_script(path: str, main: Any) -> None:
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


def print_error() -> None:
    """Print the error that is handled now as the interpreter prints one that nobody caught."""
    with contextlib.suppress(BaseException):
        kind, error, trace = sys.exc_info()
        # Without the frames of this package: a new process has none of them.
        while trace is not None and os.path.dirname(trace.tb_frame.f_code.co_filename) == os.path.dirname(__file__):
            trace = trace.tb_next
        if kind and error:
            sys.excepthook(kind, error.with_traceback(trace), trace)


def end(code: int) -> NoReturn:
    """End the child as the interpreter ends: threads joined, exit functions run, output written."""
    try:
        getattr(threading, "_shutdown")()  # noqa: B009 - what the interpreter itself calls
        atexit._run_exitfuncs()
    except BaseException:
        print_error()
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
