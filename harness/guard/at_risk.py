"""Which waiting runs could be lost, grouped, and what is foretold of each group; and the exit code of that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.guard.foretold import UNKNOWN, Foretold, foretold
from harness.guard.runs import KINDS, UPCOMING, Run, is_held, kind_of
from harness.known import Opened

EXIT_SAFE, EXIT_AT_RISK, EXIT_CANNOT_TELL = 0, 1, 125


@dataclass(frozen=True)
class Group:
    """Waiting runs of one deployment and kind: how many, their states, the oldest tick, and what is foretold.

    deployment  its id
    foretold    one a door
    """

    deployment: str
    kind: str
    states: Mapping[str, int]
    oldest: datetime | None
    foretold: Sequence[Foretold]

    @property
    def runs(self) -> int:
        """How many they are."""
        return sum(self.states.values())

    def as_json(self, name: str) -> dict[str, Any]:
        """For machines; `name` is the deployment's."""
        return {
            "deployment": name,
            "deployment_id": self.deployment,
            "backlog": self.kind,
            "runs": self.runs,
            "states": dict(self.states),
            "oldest": self.oldest.isoformat() if self.oldest else None,
            "foretold": [{"door": one.door, "outcome": one.outcome, "why": one.why} for one in self.foretold],
        }


def groups_of(runs: Iterable[Run], doors: Sequence[Opened], version: str, now: datetime) -> list[Group]:
    """The groups of those runs that could be lost, by deployment and kind. Upcoming runs are in none.

    Runs that a person made are told apart by whether they are held: not the same is known of both.
    """
    states: dict[tuple[str, str, bool], dict[str, int]] = {}
    oldest: dict[tuple[str, str, bool], datetime] = {}
    for run in runs:
        kind = kind_of(run, now)
        if kind != UPCOMING:
            key = (str(run.deployment_id), kind, is_held(run))
            named = states.setdefault(key, {})
            named[str(run.state_name)] = named.get(str(run.state_name), 0) + 1
            if run.tick:
                oldest[key] = min(run.tick, oldest.get(key, run.tick))
    return [
        Group(
            key[0],
            key[1],
            dict(sorted(states[key].items())),
            oldest.get(key),
            [foretold(key[1], door, version, is_held=key[2]) for door in doors],
        )
        for key in sorted(states, key=lambda key: (key[0], KINDS.index(key[1]), key[2]))
    ]


def exit_code(groups: Sequence[Group]) -> int:
    """1: some runs would not be kept; else 125: of some nothing is known; else 0."""
    said = [one for group in groups for one in group.foretold]
    if any(one.is_harm for one in said):  # rule: guard-exit-1
        return EXIT_AT_RISK
    if any(one.outcome == UNKNOWN for one in said):  # rule: guard-exit-125-unknown
        return EXIT_CANNOT_TELL
    return EXIT_SAFE
