"""The records of results: what results.json, run.json and verdict.json hold, field by field.

Each class is at once the type in the code, the check of what is read, and the JSON schema under docs/reference/schemas.
A field with a default is one that an earlier harness did not write yet. An unknown field is one that a later harness
wrote: it is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from harness.words.names import EXEC, REAL, SURVIVAL
from harness.words.promises import Promise, PromiseResult

RESULTS_SCHEMA = 1  # of results.json


class _Record(msgspec.Struct, frozen=True):
    """A record that is always written whole."""


class _Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of which only what is known is written."""


class SideCounts(_Record, frozen=True, kw_only=True):
    """How many runs of one deployment came to which fate (docs/verdicts.md).

    at_risk = kept + progressed + altered + lost, in every trial with a verdict.
    """

    at_risk: int
    kept: int
    progressed: int = 0
    altered: int = 0
    lost: int
    stranded: int = 0
    recreated: int = 0
    executed_twice: int = 0
    never_ran: int = 0
    unasked: int = 0


class TicksResult(_Record, frozen=True, kw_only=True):
    """What became of the promise `ticks`, which is among the promises, too, and how many ticks it is about.

    outcome      whole, missing, duplicate or inconclusive
    expected     the outcome known for this release; null where none is known
    as_expected  null where nothing is expected, or it could not be judged
    sometimes    the reference of a known race, if the ticks came to what that race makes of them; else empty
    missing      ticks without a run, and `duplicate`: ticks with several
    reason       the outcome in one sentence
    """

    outcome: str
    expected: str | None
    as_expected: bool | None
    sometimes: str = ""
    missing: int
    duplicate: int
    reason: str


class TrialResult(_Record, frozen=True, kw_only=True):
    """One trial: an entry of results.json. The counts are those of the treated deployment.

    subject      the Prefect under test, as the person asked for it
    repetition   which of several trials of the same scenario, door and subject, from 1
    version      as the server said it; before that, as the subject was resolved; null where neither is known
    start        how Prefect's processes started: fork or exec
    clock        which clock the lab was on: real, this host's, or warp, one of its own that can be moved
    outcome      null until the trial has one
    expected     the outcome known for this release; null where none is known
    as_expected  null where the outcome could not be judged, or nothing is expected
    bystanders_lost, bystanders_altered  runs of other deployments that the door deleted, or altered
    twin         the counts of the twin, which nobody updated
    ticks        the promise of that name in numbers; null before there is an outcome
    seconds      from the first event of the trial's history to the last, without what the clock was moved by; null
                 without a history
    reason       the outcome in one sentence
    folder       where the trial's evidence lies, relative to the run's folder
    reference    where `expected` is known from
    note         what a reader should know of the subject
    judged_by    survival, or the promise that the trial is judged by, by its name
    promises     whether each promise was kept that the trial had something to say of, by the promise's name
    schedules, concurrency_limit  that were asked for in place of the scenario's own, in words
    at           when the door was to be opened, in words; empty where that was not asked for
    versions     of worker and deployer, by role, where they differ from the server's; of the `upgrade` of the server
    reach        `server`: the door hit the twin, too, so the outcome is that of the treated runs alone
    control      then the folder of the trial that is held against it; empty for one that is such a control itself
    """

    scenario: str
    door: str
    subject: str
    repetition: int = 1
    version: str | None
    engine: str
    database: str
    start: str = EXEC
    clock: str = REAL
    outcome: str | None
    expected: str | None
    as_expected: bool | None
    at_risk: int
    kept: int
    progressed: int = 0
    altered: int = 0
    lost: int
    stranded: int = 0
    recreated: int = 0
    executed_twice: int = 0
    never_ran: int = 0
    unasked: int = 0
    bystanders_lost: int = 0
    bystanders_altered: int = 0
    twin: SideCounts
    ticks: TicksResult | None = None
    seconds: float | None
    reason: str
    folder: str
    reference: str = ""
    note: str = ""
    judged_by: str = SURVIVAL
    versions: Mapping[str, str] = {}
    promises: Mapping[str, PromiseResult] = {}
    schedules: Sequence[str] = []
    concurrency_limit: str = ""
    at: str = ""
    reach: str = ""
    control: str = ""


class RunResult(_Record, frozen=True, kw_only=True):
    """results.json: all trials of a run. It is whole at every moment of the run.

    exit_code  null until the run ends
    seconds    since the run began
    """

    schema: int
    exit_code: int | None
    seconds: float
    trials: Sequence[TrialResult]


class FateRecord(_Record, frozen=True, kw_only=True):
    """What became of one run at risk.

    run          the flow run's id
    side         treated or twin
    tick         its expected start time, by the server's clock
    before       its state's name before the door
    fate         kept, progressed, altered, lost or unknown
    looks        what each look saw, by the look's name
    end          the state type that the last look saw
    why          what the fate rests on
    completed    it completed, and `relabelled`: its state changed after that
    stranded     it was there after the drain, nothing held it, and it never ran
    unasked      it was kept, and was not asked to complete: of a large backlog only the first runs are executed
    recreated    the id of another run that has the tick of this lost one
    executions   how often it was executed since it was listed; null where the flow left no marks
    """

    run: str
    side: str
    tick: str
    before: str
    fate: str
    looks: Mapping[str, str]
    end: str = ""
    why: str = ""
    completed: bool = False
    relabelled: bool = False
    stranded: bool = False
    ended_otherwise: bool = False
    recreated: str | None = None
    executions: int | None = None
    unasked: bool = False


class CheckRecord(_Record, frozen=True, kw_only=True):
    """What one checker said of a trial (docs/reference/checkers.md); an outcome of null stands against nothing.

    promise  of the promise that it watches over; null where it watches over none, or had nothing to look at
    """

    checker: str
    outcome: str | None
    reason: str = ""
    promise: Promise | None = None


class VerdictRecord(TrialResult, frozen=True, kw_only=True):
    """verdict.json: the trial's entry of results.json, and what it rests on.

    source   the part of the lab whose log explains an error, and `log`: the end of that log
    command  the command that runs this trial again
    fates    what became of each run at risk
    checks   what each checker said; the worst outcome is the trial's
    """

    source: str = ""
    log: str = ""
    command: str = ""
    fates: Sequence[FateRecord] = ()
    checks: Sequence[CheckRecord] = ()


class Harness(_Part, frozen=True, kw_only=True):
    """Which harness made a run: the commit of its checkout and whether that had changes; else its version."""

    commit: str | None
    dirty: bool | None
    version: str = ""


class Host(_Record, frozen=True, kw_only=True):
    """The machine: system, Python, processor cores, memory in GiB."""

    system: str
    python: str
    cores: int | None
    memory_gib: float


class EngineFacts(_Record, frozen=True, kw_only=True):
    """The engine, and what it is in words."""

    name: str
    detail: str


class SubjectFacts(_Part, frozen=True, kw_only=True):
    """What a subject was resolved to, as of which moment; or why it could not be had (`error`)."""

    version: str | None = None
    as_of: str | None = None
    note: str | None = None
    roles: Mapping[str, SubjectFacts] | None = None
    error: str | None = None


class PhaseCosts(_Record, frozen=True, kw_only=True):
    """What a phase took: wall time, and processor time of all that ran in the lab."""

    seconds: float
    cpu_seconds: float


class LabCosts(_Record, frozen=True, kw_only=True):
    """What a lab took: how many trials shared it (`cells`), each phase, and the longest waits in seconds."""

    cells: Annotated[int, msgspec.Meta(ge=1)]
    phases: Mapping[str, PhaseCosts]
    waits: Mapping[str, float]


class RunFacts(_Part, frozen=True, kw_only=True):
    """run.json: how a run was made.

    run          its id
    argv         the words of the command line
    command      the command that does it again
    places       the folders of that machine that evidence may name, by what they are
    start        how Prefect's processes started: fork or exec
    subjects     by the names that were asked for
    cpu_seconds  processor time of the harness itself and all that it started, except what an engine ran
    labs         what each lab took, by the lab's name
    planned      the names of the folders of its trials, of all that were planned
    merged       in place of all that, the runs that were joined
    """

    run: str = ""
    argv: Sequence[str] | None = None
    command: str = ""
    places: Mapping[str, str] | None = None
    harness: Harness | None = None
    host: Host | None = None
    engine: EngineFacts | None = None
    start: str = ""
    subjects: Mapping[str, SubjectFacts] | None = None
    cpu_seconds: float | None = None
    labs: Mapping[str, LabCosts] | None = None
    planned: Sequence[str] | None = None
    merged: Sequence[RunFacts] | None = None
