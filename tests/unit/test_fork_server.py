"""The fork server, with a stand-in for Prefect: a forked process is as good as a new one wherever that matters."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from harness.engines.inside import FORK_SERVER
from harness.words.waiting import NotYet, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a fork server lives on Linux")

PREFECT = {
    "__init__.py": "import os, threading\nIMPORTED_BY = os.getpid()\n",
    "context.py": "import os\ndef root_settings_context():\n    return dict(os.environ, cwd=os.getcwd())\n"
    "GLOBAL_SETTINGS_CONTEXT = root_settings_context()\n",
    "main.py": "import prefect.context, prefect.logging.configuration, random\nOWN = random.Random()\n",
    "engine.py": "import sys\nif __name__ == '__main__':\n    print('engine', sys.argv[1:])\n",
    "logging/__init__.py": "",
    "logging/configuration.py": "def setup_logging(incremental=None):\n    pass\n",
}


def write_prefect(folder: Path, **changed: str) -> None:
    for name, text in {**PREFECT, **changed}.items():
        (folder / "prefect" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "prefect" / name).write_text(text, encoding="utf-8")


class Served:
    """A fork server, and what runs through it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "served"
        self.python = str(self.folder / "python")
        self.environment = {"PATH": os.defpath, "PYTHONPATH": str(folder), "HOME": str(folder), "LANG": "C.UTF-8"}
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(FORK_SERVER), str(self.folder)],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environment, cwd=folder,
            )  # fmt: skip

    def wait(self) -> str:
        def ready() -> str:
            if not (self.folder / "ready").exists():
                raise NotYet("not ready")
            return (self.folder / "ready").read_text(encoding="utf-8")

        return wait_until("the fork server", ready, seconds=60)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def command(self, *words: str, fork: bool) -> list[str]:
        return [self.python if fork else sys.executable, *words]

    def run(self, *words: str, fork: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, fork=fork),
            capture_output=True, text=True, env={**self.environment, **more}, cwd=self.folder.parent, check=False,
            timeout=60,
        )  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    write_prefect(folder)
    one = Served(folder)
    try:
        assert one.wait() == ""
        yield one
    finally:
        one.end()


FORKED = "import prefect, os; print(prefect.IMPORTED_BY != os.getpid())"


def test_what_is_forked_has_not_imported_prefect_itself(served: Served) -> None:
    assert served.run("-c", FORKED).stdout == "True\n"
    assert served.run("-c", FORKED, fork=False).stdout == "False\n"


def test_what_is_forked_has_no_module_of_the_fork_server(served: Served) -> None:
    ask = "import sys; print([name for name in sys.modules if name.startswith('fork_')])"
    assert served.run("-c", ask).stdout == "[]\n"


PROGRAMS = {
    "exit code": "import sys; sys.exit(7)",
    "exit text": "import sys; sys.exit('no')",
    "exit over 255": "import sys; sys.exit(257)",
    "death by signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "death by SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "interrupt": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
    "exception": "raise ValueError('bad')",
    "output": "import sys; [print(n, file=(sys.stdout, sys.stderr)[n % 2]) for n in range(2000)]",
    "exit functions": "import atexit, threading, time\natexit.register(print, 'last')\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
    "arguments": "import sys; print(sys.argv, sys.path[0], __name__, sys.flags)",
    "environment": "import os; print(sorted(os.environ.items()))",
    "umask": "import os; print(os.umask(0))",
    "signals": "import signal as s; print([(n, s.getsignal(n)) for n in s.valid_signals()])",
    "mask": "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "descriptors": "import os; print(sorted(n for n in map(int, os.listdir('/proc/self/fd')) if n < 3 or "
    "os.path.exists(f'/proc/self/fd/{n}') and '/proc/' not in os.readlink(f'/proc/self/fd/{n}')))",
    "no memory of warnings": "import warnings; warnings.warn('w')",
    "main": "import sys; print(sys.modules['__main__'].__dict__ is globals(), sorted(globals()))",
    "threads": "import threading; print(threading.enumerate() == [threading.main_thread()], threading.get_native_id() "
    "== __import__('os').getpid())",
    "collector": "import gc; print(gc.isenabled())",
    "odd bytes": "import os, sys; print(ascii(sys.argv[1]), os.environb.get(b'ODD'))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_forked_process_says_and_ends_as_a_new_one(served: Served, name: str) -> None:
    said = [
        served.run("-c", PROGRAMS[name], "a b", "", "\udcff\n", fork=fork, ODD="\udcfe=", EMPTY="")
        for fork in (True, False)
    ]
    assert (said[0].returncode, said[0].stdout, said[0].stderr) == (
        said[1].returncode,
        said[1].stdout,
        said[1].stderr,
    )


SCRIPT = "import sys\nprint(sys.argv, sys.path[0], __file__, __name__, __spec__)\nraise KeyError('end')\n"


@pytest.mark.parametrize("words", [["script.py", "x"], ["-m", "prefect.engine", "y"], ["-m", "missing"], ["gone.py"]])
def test_a_script_and_a_module_run_as_by_the_interpreter(served: Served, words: list[str]) -> None:
    (served.folder.parent / "script.py").write_text(SCRIPT, encoding="utf-8")
    forked, new = (served.run(*words, fork=fork) for fork in (True, False))
    assert (forked.returncode, forked.stdout) == (new.returncode, new.stdout)
    # The interpreter's own name is the client's, and runpy's frames are the interpreter's.
    assert forked.stderr.replace(served.python, sys.executable) == new.stderr


def test_settings_are_read_anew_from_the_environment_and_the_working_directory(served: Served) -> None:
    ask = "import prefect.context as c, os; print(c.GLOBAL_SETTINGS_CONTEXT == dict(os.environ, cwd=os.getcwd()))"
    assert served.run("-c", ask, PREFECT_API_URL="mine").stdout == "True\n"


def test_each_has_a_random_state_of_its_own(served: Served) -> None:
    ask = "import random, prefect.main; print(random.random(), prefect.main.OWN.random())"
    drawn = {number for _ in range(3) for number in served.run("-c", ask).stdout.split()}
    assert len(drawn) == 6


def test_each_has_a_session_of_its_own_and_the_client_s_open_descriptors_alone(served: Served) -> None:
    read, write = os.pipe()
    ask = f"import os; os.write({write}, b'%d' % (os.getsid(0) == os.getpid()))"
    with subprocess.Popen(served.command("-c", ask, fork=True), env=served.environment, pass_fds=[write]) as process:
        os.close(write)
        assert os.read(read, 10) == b"1"
        assert process.wait(timeout=30) == 0
        assert os.read(read, 10) == b"", "nobody else holds the other end"
    os.close(read)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_the_client_reaches_the_process(served: Served, number: signal.Signals) -> None:
    handle = f"import signal, sys, time\nsignal.signal({number:d}, lambda *_: sys.exit(5))\nprint(1, flush=True)\n"
    # In short sleeps: the interpreter does not see a signal that comes just before a sleep until that sleep has ended.
    words = served.command("-c", handle + "for _ in range(600):\n    time.sleep(0.05)", fork=True)
    with subprocess.Popen(words, env=served.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.read(1) == b"1"
        process.send_signal(number)
        assert process.wait(timeout=20) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_comes_before_the_client_knows_of_its_process_is_passed_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The process may have run and said so, and its client not yet: this fork server signals it before it answers."""
    (tmp_path / "ready").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        listener.settimeout(20)
        words = [sys.executable, str(FORK_SERVER / "client.py"), str(tmp_path), sys.executable, "-c", "0"]
        with subprocess.Popen(words) as client, listener.accept()[0] as connection:
            connection.settimeout(20)
            length = int.from_bytes(connection.recv(4), "big")
            assert len(connection.recv(length, socket.MSG_WAITALL)) == length
            client.send_signal(number)
            connection.sendall(b"forked\n")
            assert connection.recv(4096) == bytes([number])
            connection.sendall(b"1280\n")
            assert client.wait(timeout=20) == 5


def test_signals_are_tested_alike_where_a_shell_started_the_tests_with_sigint_ignored() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    of_it = f"{__file__}::{test_a_signal_that_comes_before_the_client_knows_of_its_process_is_passed_on.__name__}"
    in_the_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *words, f"{of_it}[{signal.SIGINT:d}]"]
    done = subprocess.run(in_the_background, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_a_signal_that_comes_at_once_ends_its_process_and_nobody_else_s(served: Served) -> None:
    other, process = started(served)
    for number in range(20):
        words = served.command("-c", "import time; time.sleep(60)", fork=True)
        with subprocess.Popen(words, env=served.environment, stdout=subprocess.DEVNULL) as client:
            wait_until("its process", partial(_forked_for, served, client.pid), seconds=10, every=0.001)
            client.send_signal((signal.SIGTERM, signal.SIGUSR1)[number % 2])
            assert client.wait(timeout=20) == -(signal.SIGTERM, signal.SIGUSR1)[number % 2]
    assert process.is_running()
    other.kill()
    other.communicate()


def _forked_for(served: Served, client: int) -> None:
    told = json.loads(say(served, (6).to_bytes(4, "big") + b"living"))
    if client not in {one["client"] for one in told["living"]}:
        raise NotYet("none")


def test_a_signal_that_the_client_ignores_is_ignored(served: Served) -> None:
    ask = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    words = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *served.command("-c", ask, fork=True)]
    assert subprocess.run(words, env=served.environment, capture_output=True, check=True).stdout == b"True\n"


def started(served: Served, code: str = "time.sleep(60)") -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """A client whose process lives, and that process."""
    words = served.command("-c", f"import os, time; print(os.getpid(), flush=True); {code}", fork=True)
    client = subprocess.Popen(words, env=served.environment, stdout=subprocess.PIPE)
    assert client.stdout
    return client, psutil.Process(int(client.stdout.readline()))


def is_dead(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):  # it may end between the two questions
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            raise NotYet("it lives")


def test_a_killed_client_takes_its_process_with_it(served: Served) -> None:
    client, process = started(served)
    client.kill()
    client.communicate()
    wait_until("its death", lambda: is_dead(process), seconds=10)


@pytest.mark.parametrize("how", ["killed", "its owner is gone"])
def test_a_fork_server_that_ends_takes_its_processes_with_it_and_the_client_says_so(tmp_path: Path, how: str) -> None:
    write_prefect(tmp_path)
    served = Served(tmp_path)
    assert served.wait() == ""
    client, process = started(served)
    if how == "killed":
        served.process.kill()
    else:
        assert served.process.stdin
        served.process.stdin.close()
    wait_until("its death", lambda: is_dead(process), seconds=10)
    assert client.wait(timeout=20) == 120
    client.communicate()
    served.end()
    late = served.run("-c", "print(1)")
    assert (late.returncode, late.stdout) == (120, "")
    assert "the fork server is gone" in late.stderr


def test_a_client_that_comes_early_waits(tmp_path: Path) -> None:
    write_prefect(tmp_path, **{"main.py": "import time, prefect.context, prefect.logging.configuration; time.sleep(1)"})
    served = Served(tmp_path)
    try:
        wait_until("its client", lambda: _exists(served.folder / "python"), seconds=20)
        assert served.run("-c", FORKED).stdout == "True\n"
    finally:
        served.end()


def _exists(path: Path) -> None:
    if not path.exists():
        raise NotYet("not there")


@pytest.mark.parametrize(
    ("main", "reason"),
    [
        ("import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "1 threads"),
        ("import os; HELD = open(os.devnull)", "1 descriptors"),
    ],
)
def test_a_subject_that_cannot_be_forked_says_why_and_its_processes_are_started_anew(
    tmp_path: Path, main: str, reason: str
) -> None:
    write_prefect(tmp_path, **{"main.py": main})
    served = Served(tmp_path)
    try:
        assert reason in served.wait()
        assert served.run("-c", FORKED).stdout == "False\n"
    finally:
        served.end()


@pytest.mark.parametrize(
    ("words", "changed"),
    [(["-X", "dev", "-c", FORKED], {}), (["-c", FORKED], {"PYTHONDEVMODE": "1"}), (["-c", FORKED], {"LC_ALL": "C"})],
)
def test_what_a_fork_could_not_do_alike_is_started_anew(
    served: Served, words: list[str], changed: dict[str, str]
) -> None:
    assert served.run(*words, fork=True, **changed).stdout == "False\n"


def test_a_process_that_it_starts_itself_is_forked_too_spawned_ones_included(served: Served) -> None:
    (served.folder.parent / "spawns.py").write_text(
        "import multiprocessing, subprocess, sys\n"
        "def work(pipe):\n    import os, prefect\n    pipe.send(prefect.IMPORTED_BY != os.getpid())\n"
        "if __name__ == '__main__':\n"
        f"    forked = [sys.executable, '-c', {FORKED!r}]\n"
        "    print(subprocess.run(forked, capture_output=True, text=True).stdout.strip())\n"
        "    here, there = multiprocessing.Pipe()\n"
        "    p = multiprocessing.get_context('spawn').Process(target=work, args=(there,))\n"
        "    p.start(); print(here.recv()); p.join(); print(p.exitcode)\n",
        encoding="utf-8",
    )
    assert served.run("spawns.py").stdout.split() == ["True", "True", "0"]


def test_as_a_container_s_command_it_ends_as_its_first_process_ends(tmp_path: Path) -> None:
    write_prefect(tmp_path)
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    words = [sys.executable, str(FORK_SERVER), str(tmp_path / "served"), "--"]
    ends = "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(9)); print(1, flush=True)"
    with subprocess.Popen(
        [*words, "-c", f"{ends}; time.sleep(30)"], env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as server:
        assert server.stdout and server.stdout.read(1) == b"1"
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 9
    dies = subprocess.run([*words, "-c", "import os; os.kill(os.getpid(), 9)"], env=environment, check=False)
    assert dies.returncode == -signal.SIGKILL
    again = subprocess.run([*words, "-c", "print(2)"], env=environment, capture_output=True, check=False)
    assert again.stdout == b"2\n", "what an earlier life left in its folder is no hindrance"


def say(served: Served, message: bytes) -> bytes:
    """What the server answers to it, once this end is closed."""
    with socket.socket(socket.AF_UNIX) as asking:
        place = os.open(served.folder, os.O_RDONLY)
        asking.connect(f"/proc/self/fd/{place}/socket")
        os.close(place)
        asking.sendall(message)
        asking.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: asking.recv(4096), b""))


def test_a_request_that_makes_no_sense_ends_nobody_s_process(served: Served) -> None:
    client, process = started(served)
    for said in (b"", b"\xff\xff\xff\xff", (3).to_bytes(4, "big") + b"abc", (9).to_bytes(4, "big") + b"2\0\0\0\0x\0"):
        say(served, said)
    assert served.run("-c", "print(3)").stdout == "3\n"
    assert process.is_running()
    told = json.loads(say(served, (6).to_bytes(4, "big") + b"living"))
    assert [(one["pid"], one["client"]) for one in told["living"]] == [(process.pid, client.pid)]
    client.kill()
    client.communicate()


def test_processor_time_is_told_by_lab(served: Served) -> None:
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    served.run("-c", burn, PREFECT_RUN_SURVIVAL_LAB="one")
    told = json.loads(say(served, (6).to_bytes(4, "big") + b"living"))
    assert told["seconds"]["one"] >= 0.3
