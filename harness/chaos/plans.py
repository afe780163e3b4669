"""A plan as a record: its deployments and its steps, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

FORMAT: Literal[1] = 1  # of a plan's text
# Doors that send a deployment as it is, all but its description. So what is due, and with what, is the same before and
# after each of them, however many are opened: every promise has one meaning for the whole plan.
DOORS = ("prefect-deploy", "patch-deployment", "patch-twice", "upsert-deployment", "upsert-storm")
# What is done to the server or its database, for some seconds; the last one is for PostgreSQL alone.
SERVER_KILLED, SERVER_STOPPED, SERVER_FROZEN, DATABASE_STOPPED = INTERRUPTIONS = (
    "server-killed", "server-stopped", "server-frozen", "database-stopped",
)  # fmt: skip
KILLED, FROZEN = FAULTS = ("worker-killed", "worker-frozen")
LATE, DONE, UPCOMING = CONDITIONS = ("late", "done", "upcoming")
NAMES = ("a", "b", "c", "d")


class PlannedDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A deployment of a plan.

    name      a, b, c or d
    schedule  in words (docs/reference/schedules.md): a cron, or an interval with an anchor
    """

    name: str
    schedule: str


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", omit_defaults=True):
    """One step of a plan; `do` says which."""

    @property
    def kind(self) -> str:
        """What kind of step it is, for the coverage: pairs of kinds are counted."""
        return str(self.__struct_config__.tag)


class OpenDoor(Step, frozen=True, kw_only=True, tag="open"):
    """A door is opened on the deployment `of`, and proven; its runs are looked at before and after."""

    door: str
    of: str

    @property
    def kind(self) -> str:
        return f"open {self.door}"

    def __str__(self) -> str:
        return f"open {self.door} on {self.of}"


class Hurt(Step, frozen=True, kw_only=True, tag="hurt"):
    """A fault begins, once no run is Pending or Running."""

    fault: Literal["worker-killed", "worker-frozen"]

    @property
    def kind(self) -> str:
        return f"hurt {self.fault}"

    def __str__(self) -> str:
        return f"hurt: {self.fault}"


class Lift(Step, frozen=True, kw_only=True, tag="lift"):
    """The fault is lifted. One that no step lifts is lifted after the last step."""

    fault: Literal["worker-killed", "worker-frozen"]

    @property
    def kind(self) -> str:
        return f"lift {self.fault}"

    def __str__(self) -> str:
        return f"lift: {self.fault}"


class Interrupt(Step, frozen=True, kw_only=True, tag="interrupt"):
    """The server or its database is interrupted for so many seconds, once no run is Pending or Running.

    A run of each deployment is created just before. What the API answered until then is read back.
    """

    fault: Literal["server-killed", "server-stopped", "server-frozen", "database-stopped"]
    seconds: int

    @property
    def kind(self) -> str:
        return f"interrupt {self.fault}"

    def __str__(self) -> str:
        return f"interrupt for {self.seconds} s: {self.fault}"


class MoveClock(Step, frozen=True, kw_only=True, tag="move-clock"):
    """The clock of the whole lab goes ahead by so many minutes, once no run is under way and the coming runs exist."""

    minutes: int

    def __str__(self) -> str:
        return f"move the clock {self.minutes} min ahead"


class CreateRuns(Step, frozen=True, kw_only=True, tag="create-runs"):
    """A person creates so many runs of the deployment `of`, and of the twin, that are due in a second."""

    number: int
    of: str

    def __str__(self) -> str:
        return f"create {self.number} runs of {self.of}"


class Wait(Step, frozen=True, kw_only=True, tag="wait"):
    """Wait for a condition of the deployment `of`; if it does not come within a minute, the plan goes on.

    until  `late`: a run is Late; `done`: every run that was due has ended; `upcoming`: a run is there that is due later
    """

    until: Literal["late", "done", "upcoming"]
    of: str

    @property
    def kind(self) -> str:
        return f"wait {self.until}"

    def __str__(self) -> str:
        return f"wait until {self.of} is {self.until}"


AnyStep: TypeAlias = OpenDoor | Hurt | Lift | Interrupt | MoveClock | CreateRuns | Wait


class ChaosPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done to a few deployments, in order. A twin, scheduled as the first of them, has no door opened on it.

    plan         the version of this format
    seed, number  what it was drawn from; null for one that a person wrote
    stand_in     each run is executed by a stand-in, in place of Prefect's engine and a flow (a third of the cost)
    limit        the concurrency limit that each deployment has, and the twin
    """

    plan: Literal[1]
    deployments: Sequence[PlannedDeployment]
    steps: Sequence[AnyStep] = ()
    seed: int | None = None
    number: int | None = None
    stand_in: bool = False
    limit: int | None = None

    @property
    def doors(self) -> dict[int, OpenDoor]:
        """The doors that it opens, by the number of the step."""
        return {number: step for number, step in enumerate(self.steps, start=1) if isinstance(step, OpenDoor)}

    @property
    def untouched(self) -> list[str]:
        """The names of the deployments that no door is opened on."""
        touched = {step.of for step in self.doors.values()}
        return [one.name for one in self.deployments if one.name not in touched]
