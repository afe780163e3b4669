"""A command that is run between two looks at a server, and what it lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from harness.guard.client import Client, NoWordError
from harness.guard.listing import clock_of
from harness.guard.restore import LOST, UNSURE, Gone, Item, look, plan
from harness.guard.runs import UPCOMING, kind_of
from harness.guard.snapshot import Line, Snapshot
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.errors import Interrupted, UsageError

EXIT_KEPT, EXIT_LOST, EXIT_COMMAND_FAILED, EXIT_CANNOT_TELL = 0, 1, 3, 125
_APART, _LOOKS = 5.0, 6  # seconds between two looks, and how many there are at the most
_GRACE = 10.0  # seconds that an interrupted command has to end


@dataclass(frozen=True)
class After:
    """What became of the runs of a snapshot, by two looks that agree."""

    items: Sequence[Item]

    @property
    def lost(self) -> int:
        """How many runs are lost."""
        return sum(item.fate in LOST for item in self.items)

    @property
    def unsure(self) -> int:
        """How many came due meanwhile and are gone."""
        return sum(item.fate == UNSURE for item in self.items)

    def exit_code(self, command: int) -> int:
        """By what was lost first, then by the command's own exit code."""
        if self.lost:  # rule: guard-run-exit-lost
            return EXIT_LOST
        if self.unsure:  # rule: guard-run-exit-unsure
            return EXIT_CANNOT_TELL
        return EXIT_COMMAND_FAILED if command else EXIT_KEPT  # rule: guard-run-exit-command (never)


def check_command(command: Sequence[str]) -> None:
    """Raises: UsageError for a command that there is not: before anything is asked or run."""
    if not command[0] or not shutil.which(command[0]):
        raise UsageError(f"There is no command {command[0]!r}. Nothing was run: harness guard run -- prefect deploy …")


def carry_out(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command whose input and output are this process's; returns its exit code (a signal's is negative).

    Raises: UsageError where it cannot be started; Interrupted once it has ended.
    """
    try:
        process = subprocess.Popen(list(command), env=dict(environment))
    except OSError as error:
        raise UsageError(f"{command[0]!r} cannot be run: {error.strerror}.") from None
    try:
        return process.wait()
    except Interrupted as interrupted:
        if interrupted.number != signal.SIGINT:  # that one came to both, from the terminal
            process.send_signal(interrupted.number)
        for stronger in (process.terminate, process.kill):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE)
                break
            stronger()
        process.wait()
        raise


def after(client: Client, snapshot: Snapshot, clock: Clock = HOST_CLOCK) -> After:
    """What became of a snapshot's runs. Raises: NoWordError, also where no two looks in a row agree."""
    now = clock_of(client)
    at_risk = [
        line
        for line in snapshot.lines
        if kind_of(line.run, snapshot.at) != UPCOMING or kind_of(line.run, now) != UPCOMING
    ]
    return After(plan(client, snapshot, _agreed(client, at_risk, clock)))


def _agreed(client: Client, lines: Sequence[Line], clock: Clock) -> Gone:
    """What two looks in a row both say; no look agrees in which listing and look-up contradict each other."""
    before: set[str] | None = None
    seen = "the listing and the look-up by id contradict each other"
    for number in range(_LOOKS):
        if number:
            clock.sleep(_APART)
        gone = look(client, lines)
        found = {line.run.id for line in gone.lines}
        if gone.disputed:  # rule: guard-run-sources-agree
            before, seen = None, f"the listing lacks run {gone.disputed[0]}, and the look-up by id has it"
            continue
        if found == before:  # rule: guard-run-two-looks (always)
            return gone
        before, seen = found, f"{len(found)} runs were gone at the last look, and not the same at the one before"
    raise NoWordError(
        f"No two looks at {client.where.url} agree: {seen}.\nLook again once it is calm.", source="server"
    )
