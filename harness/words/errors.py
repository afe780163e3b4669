"""The two ways things go wrong: the person asked for something impossible, or the lab broke."""

from __future__ import annotations

import difflib
from collections.abc import Collection


class UsageError(Exception):
    """The person asked for something that cannot be. One to three lines, ending in the next step; exit 2."""


def no_such(kind: str, name: str, known: Collection[str], *, cutoff: float = 0.4) -> UsageError:
    """The error for a name that is not there: the nearest that is (alike by `cutoff`, 0 to 1), and all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"There is no {kind} {name!r}.{hint} There are: {', '.join(known)}.")


class LabError(Exception):
    """The lab broke: a trial that meets one comes to `error`, never to a verdict.

    `source` names the part whose log explains it (`server`, `worker`, `deployer`, `build`, or `harness`),
    and `log` quotes the end of that log.
    """

    def __init__(self, reason: str, *, source: str = "harness", log: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = source
        self.log = log


class DeadlineError(LabError):
    """A wait ran out of time. The reason says what was awaited, for how long, and what was last seen."""


class NoAnswerError(LabError):
    """A server that lives did not answer in time: no word on anything, and while a wait lasts, no reason to end it."""


class SteadyStateError(LabError):
    """The unhurt system never completed a probe run: the trial is `inconclusive`."""


class Interrupted(BaseException):
    """A signal arrived; `number` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
