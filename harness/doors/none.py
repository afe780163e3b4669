"""nothing at all: the null door."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated
from harness.words.proof import NOTHING, Proof


def nothing(_treated: Treated, _nonce: str) -> CommandResult:
    return CommandResult(0, "nothing was done", 0.0)


door = Door(nothing, Proof(NOTHING))
