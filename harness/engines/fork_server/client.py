"""The client: it stands where `python ARGUMENTS` would stand, passes signals on, and ends as the forked process ended.

The fork server compiles this one file into its folder. It is started for each process of a lab, so it imports as little
as it can, where it needs it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself costs a client a tenth of its time
    import _socket
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

PROTOCOL = b"2"
MOST_DESCRIPTORS = 200  # that a request may hand over
_NO_ANSWER = 120  # the client's exit code if the fork server is gone
_WAIT_SECONDS = 300  # for a fork server that is still importing
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")


def client(folder: str, python: str, words: Sequence[str]) -> NoReturn:
    """Have the fork server of `folder` run these words as `python` would; never returns."""
    try:
        inherited = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        inherited = []
    inherited = [number for number in inherited if is_open(number)]  # not the one that listed them
    connection = None if run_by(words) is None or len(inherited) > MOST_DESCRIPTORS else _connect(folder)
    if connection is None:
        os.execv(python, [python, *words])  # the subject's own
    import _signal as signal  # type: ignore[import-not-found] # what `signal` wraps in enums, in a tenth of its time

    ignored = [n for n in signal.valid_signals() if n > 0 and signal.getsignal(n) == signal.SIG_IGN]
    ignored = [n for n in ignored if n not in (signal.SIGPIPE, signal.SIGXFSZ)]  # those Python itself ignores
    umask = os.umask(0o22)
    os.umask(umask)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    facts = [PROTOCOL, b",".join(b"%d" % n for n in inherited), b",".join(b"%d" % n for n in ignored), b"%d" % umask]
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


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def run_by(words: Sequence[str]) -> str | None:
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


if __name__ == "__main__":
    client(sys.argv[1], sys.argv[2], sys.argv[3:])
