"""The labs of a run: pytest with xdist carries them out, each as soon as its subject is built."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from msgspec.structs import replace

from harness.engines.processes.tree import kill_tree
from harness.runs.building import Builds
from harness.runs.ledger import Ledger
from harness.runs.watch import Watch
from harness.trials.scenario import SCENARIOS
from harness.words import ownership
from harness.words.names import FORK

BARE = ("-p", "no:cacheprovider", "-p", "no:tmpdir", "--noconftest")  # pytest leaves nothing beside the results
_POLL = 0.3


def run_labs(ledger: Ledger) -> bool:
    """Build the subjects and carry out the labs; returns whether pytest ended as it should.

    Verdicts are in the ledger as they come. Raises: Interrupted; no process of pytest is left then.
    """
    labs = {cell.lab for cell in ledger.runnable}
    watch = Watch(ledger)
    builds = Builds(ledger, watch.lab_is_done)
    at_once = min(ledger.ask.labs or labs_at_once(ledger.plan.start, len(labs)), len(labs))
    # pytest has to be gone before the fork servers are: a lab would take their end for a fault.
    with builds.started(), _pytest(ledger, at_once) as process:
        with watch.shown():
            # Once the last lab is down, xdist takes 2 s more to end its workers, which nothing waits for.
            while process.poll() is None and not watch.all_done(labs):
                builds.take_up()
                watch.look()
                time.sleep(_POLL)
        watch.look()
        ended = process.poll()  # None once all labs are done
    if ended in (None, pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return True
    ledger.say(f"(!) pytest ended with {ended}: its output is in {ledger.plan.folder / 'pytest.log'}")
    return False


def labs_at_once(start: str, labs: int) -> int:
    """How many of so many labs run at once if nobody says: one for each core if they are forked, else for two cores.

    One more if that is all: the last one would run alone after the others.

    Measured on two cores (docs/benchmarks.md): two forked labs at once take little more than one, and 0.8 times the
    processor time of one after the other; three took 0.6 times as long as two and then one. Two whose processes start
    anew ask for more than there is.
    """
    cores = os.cpu_count() or 1
    if start != FORK:
        return max(1, cores // 2)
    return cores + (labs == cores + 1)


@contextmanager
def _pytest(ledger: Ledger, at_once: int) -> Iterator[subprocess.Popen[bytes]]:
    """A pytest that runs the cells, a worker for each lab at once; at the end it is killed with all that it started."""
    folder = ledger.plan.folder
    plan_file = folder / "plan.json"
    replace(ledger.plan, cells=ledger.runnable).write(plan_file)
    command = [
        sys.executable, "-m", "pytest", "-p", "harness.runs.pytest_plugin", "--plan", str(plan_file),
        "-n", str(at_once), "--dist", "loadscope", "-c", os.devnull, "--rootdir", str(SCENARIOS),
        *BARE, "-p", "xdist.plugin", "--max-worker-restart", "0", str(SCENARIOS), *map(str, ledger.plan.places),
    ]  # fmt: skip
    environment = {**os.environ, **ownership.environment(ledger.plan.run), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):  # a person's own pytest is not this one
        environment.pop(name, None)
    with (folder / "pytest.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            try:
                _end(process)
            except Exception as error:  # it must not take the place of an interrupt
                ledger.say(f"while taking down: {type(error).__name__}: {error}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        kill_tree(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
