"""What a run is asked for, and the options that several commands have (words/options.py says how they are read)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from harness.doors import load_doors
from harness.trials.scenario import load_scenarios
from harness.words.names import CLOCKS, DATABASES, ENGINES, FORK, PREFECT_DEPLOY, REAL, SQLITE, STARTS
from harness.words.options import Option, Usual, again

TABLE, MARKDOWN, JSON = FORMATS = ("table", "markdown", "json")
Only = Mapping[str, Sequence[tuple[str, str]]]  # by subject: the scenarios and doors that it is tried with
USUAL_ENGINE = "containers where a Docker engine answers"


def usual_doors() -> str:
    """In words, the doors that are opened where none is named."""
    usual = {name: one.usual_door for name, one in load_scenarios().items()}
    others = [f"{door} for {name}" for name, door in usual.items() if door != PREFECT_DEPLOY]
    return ", ".join([PREFECT_DEPLOY, *others])


def usual_scenarios() -> str:
    """In words, the scenarios that are tried where none is named."""
    by_name = [name for name, one in load_scenarios().items() if one.by_name]
    return f"all but {', '.join(by_name)}" if by_name else "all"


SubjectNames = Annotated[
    tuple[str, ...],
    Option(
        "a release such as 3.3.3, or latest; wheel:PATH; path:FOLDER (a source tree as it is); image:NAME; "
        "any with /worker= or /deployer= another, or /upgrade= for the door server-upgrade",
        flag="--subject",
        metavar="PREFECT",
        always=True,  # the line that asks again says what was tried
    ),
]
ScenarioNames = Annotated[tuple[str, ...], Option(flag="--scenario", metavar="NAME", names=load_scenarios)]
DoorNames = Annotated[tuple[str, ...], Option(flag="--door", metavar="NAME", names=load_doors)]
EngineName = Annotated[str | None, Option("where labs run", metavar="|".join(ENGINES)), Usual(USUAL_ENGINE)]
DatabaseName = Annotated[str, Option("what the server keeps its data in", choices=DATABASES)]
StartName = Annotated[
    str,
    Option(
        "how a lab's processes start: `fork`: from one of the subject that has imported Prefect; `exec`: each anew",
        choices=STARTS,
    ),
]
ClockName = Annotated[
    str,
    Option(
        "which clock a lab lives on: `real`: this host's; `warp`: one of its own that can be moved. A scenario that "
        "moves it has such a clock in any case",
        choices=CLOCKS,
    ),
]
ScheduleWords = Annotated[
    tuple[str, ...],
    Option(
        "what treated and twin are scheduled by: 'cron 22 2 * * * Europe/Paris', 'interval 5m', 'rrule FREQ=DAILY', "
        "empty, none; several make several schedules (docs/reference/schedules.md)",
        flag="--schedule",
        metavar="WORDS",
    ),
    Usual("the scenario's own"),
]
LimitWords = Annotated[
    str,
    Option("how many runs of a deployment may run at a time: 1, '1 CANCEL_NEW', '2 ENQUEUE grace 60'", metavar="WORDS"),
    Usual("the scenario's own"),
]
AtWords = Annotated[
    str,
    Option(
        "when doors are opened, beside a tick of the treated deployment: tick-2s, tick, tick+0.5s; it takes a schedule "
        "that goes on ticking",
        metavar="WORDS",
    ),
    Usual("as soon as enough runs are at risk"),
]
LabCount = Annotated[
    int | None,
    Option("labs at once", flag="-n", metavar="N"),
    Usual("one for each core, and one more if that is all; with --start exec for each two cores"),
]
ResultsFolder = Annotated[Path, Option("where evidence goes", metavar="DIR")]


@dataclass(frozen=True, kw_only=True)
class RunAsk:
    """What a run is asked for, as typed.

    command  the name of the command that asks
    is_held  every subject is expected to survive, whatever is known of it
    """

    command: ClassVar[str] = "reproduce"
    is_held: ClassVar[bool] = False

    subjects: SubjectNames
    scenarios: Annotated[ScenarioNames, Usual(usual_scenarios)] = ()
    doors: Annotated[DoorNames, Usual(usual_doors)] = ()
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    clock: ClockName = REAL
    schedules: ScheduleWords = ()
    concurrency_limit: LimitWords = ""
    at: AtWords = ""
    results: ResultsFolder = Path("results")
    keep: Annotated[
        str,
        Option(
            "whether a lab's database is saved with the evidence; `failed`: when a trial is not as expected",
            choices=("never", "failed", "always"),
        ),
    ] = "failed"
    repeat: Annotated[
        int,
        Option(
            "each trial N times, each time in a lab of its own; says k of N with its 95 % interval",
            metavar="N",
        ),
    ] = 1
    labs: LabCount = None
    expression: Annotated[str, Option("only trials whose name matches, as in pytest", flag="-k", metavar="EXPR")] = ""
    format: Annotated[
        str,
        Option(
            "what stdout gets in the end: the table, summary.md, or results.json; with the last two, everything else "
            "goes to stderr",
            choices=FORMATS,
        ),
    ] = TABLE

    def again(self) -> str:
        """The line that asks the same again, from the checkout's root."""
        return again(self.command, self)
