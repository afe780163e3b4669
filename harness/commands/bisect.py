"""Find the release in which a scenario's outcome changed.

It probes by running trials, remembers what each came to, and reports.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rich.console import Console

from harness.checkers import load_promises
from harness.doors import load_doors, select_doors
from harness.engines.choose import choose_engine
from harness.known import known_for
from harness.runs.ask import (
    AtWords,
    ClockName,
    DatabaseName,
    EngineName,
    LimitWords,
    ResultsFolder,
    RunAsk,
    ScheduleWords,
    StartName,
    usual_doors,
)
from harness.runs.shapes import check_shapes
from harness.runs.unseen import run_unseen
from harness.store.results import check_writable, new_run_id
from harness.subjects.kinds import check_ends
from harness.subjects.release import LATEST, releases_between, resolve_release
from harness.trials.scenario import Scenario, load_scenarios, select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED, NOT_APPLICABLE, VERDICTS, said, unjudged
from harness.verdict.search import UNJUDGED, Found, Search, summary
from harness.words.errors import UsageError, no_such
from harness.words.files import read_json, write_whole
from harness.words.names import CLOCKS, DATABASES, FORK, REAL, SQLITE, STARTS
from harness.words.options import Option, Usual, again

DESCRIPTION = "Tries both ends, then halves what lies between; every probe is a trial of its own, with a twin."
EPILOG = (
    "exit codes: 0 the change is between two releases next to each other; 2 wrong usage; 125 it is not "
    "pinned down so far; 130 interrupted"
)
_STATE = "bisect.json"
_ANSWERS = (
    UNJUDGED,
    *VERDICTS,
    *(f"{name} {word}" for name, one in load_promises().items() if one.judges for word in (one.kept, *one.breaks)),
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is searched: one scenario and door on one engine, from a release to a later one."""

    scenario: Annotated[str, Option(metavar="NAME", names=load_scenarios)] = ""
    door: Annotated[str, Option("what is opened", metavar="NAME"), Usual(usual_doors)] = ""
    first: Annotated[str, Option("the oldest release", flag="--from", metavar="RELEASE", always=True)] = "3.0.0"
    last: Annotated[str, Option("the newest release", flag="--to", metavar="RELEASE", always=True)] = LATEST
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    clock: ClockName = REAL
    schedules: ScheduleWords = ()
    concurrency_limit: LimitWords = ""
    at: AtWords = ""


@dataclass(frozen=True, kw_only=True)
class Ask(Question):
    """Its options: a question, or a search that was interrupted."""

    results: ResultsFolder = Path("results")
    resume: Annotated[Path | None, Option("go on with a search that was interrupted", metavar="FOLDER")] = None


@dataclass
class Probes:
    """The question and every probe so far, saved in a file of its own folder, so that a later call can go on."""

    folder: Path
    question: Question
    told: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Probes:
        """The probes that an earlier call saved. Raises: UsageError if it saved none."""
        try:
            saved: dict[str, Any] = read_json(folder / _STATE)
            told = saved["question"]
            question = Question(**{**told, "schedules": tuple(told.get("schedules", ()))})
            probes = list(saved["probes"])
            whole = all(set(probe) == {"release", "outcome", "evidence"} for probe in probes)
            plain = [value for name, value in vars(question).items() if name != "schedules"]
            words = [*plain, *question.schedules, *(word for probe in probes for word in probe.values())]
            if not whole or not all(isinstance(word, str | None) for word in words):
                raise ValueError("not as `write` saves it")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{str(folder)!r} holds no search to go on with ({_STATE}).") from None
        _check(question)
        for probe in probes:
            check_ends(probe["release"], probe["release"])
            if probe["outcome"] not in _ANSWERS:
                raise UsageError(
                    f"{str(folder / _STATE)!r} holds {probe['outcome']!r:.40} as an outcome; there is no such outcome."
                )
        return cls(folder, question, probes)

    def add(self, release: str, outcome: str, evidence: str) -> None:
        """Remember a probe."""
        self.told.append({"release": release, "outcome": outcome, "evidence": evidence})
        self.write()

    def write(self) -> None:
        """Save all of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = {"question": vars(self.question), "probes": self.told}
        write_whole(self.folder / _STATE, json.dumps(saved, indent=1))

    def resume(self) -> str:
        """The line that goes on with this search."""
        return again("bisect", Ask(resume=self.folder))


def start(question: Question, results: Path) -> Probes:
    """A new search. Raises: UsageError for a question that cannot be asked, before anything is started."""
    _check(question)
    check_writable(results)
    return Probes((results / f"bisect-{new_run_id()}").absolute(), question)


def _check(question: Question) -> None:
    (scenario,), (door,) = select_scenarios([question.scenario]), select_doors([question.door])
    if misfit := door.misfit(scenario):
        raise UsageError(f"Nothing to search: {misfit}.")
    if door.upgrades:  # rule: bisect-one-release-a-probe
        raise UsageError(
            f"A search tries one release a probe, and {door.name} needs two.\n"
            f"Try each: harness reproduce --scenario {scenario.name} --door {door.name} --subject OLD/upgrade=NEW"
        )
    now = datetime.now(timezone.utc)
    check_shapes([(scenario, door)], question.schedules, question.concurrency_limit, now, at=question.at)
    check_ends(question.first, question.last)
    if question.first == LATEST:
        raise UsageError("A search goes from one release to a later one; name an older one with --from.")
    for what, names in (("database", DATABASES), ("start", STARTS), ("clock", CLOCKS)):
        if (asked := getattr(question, what)) not in names:
            raise no_such(what, str(asked), names)


def bisect(probes: Probes, console: Console) -> int:
    """Carry the search out, or go on with it; returns the exit code. Raises UsageError and what `run_matrix` raises."""
    engine, why = choose_engine(probes.question.engine)
    question = probes.question = replace(probes.question, engine=engine.name)
    (scenario,) = select_scenarios([question.scenario])
    target = engine.target()
    first = _first_that_can([scenario.applies, select_doors([question.door])[0].versions], question.first)
    ends = [resolve_release(end, target) for end in (first, question.last)]
    for note in (f"{end.asked}: {end.note}" for end in ends if end.note):
        console.print(note, soft_wrap=True)
    oldest, newest = (end.version for end in ends)
    if Version(oldest) >= Version(newest):
        raise UsageError(f"{oldest} is not older than {newest}.")
    console.print(f"engine: {why}\nsearching {question.scenario}, {question.door}, from {oldest} to {newest}")
    probes.write()
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        # The ends can be probed before it is known what lies between them.
        listing = pool.submit(releases_between, oldest, newest, target, stop)
        for end in (oldest, newest):
            if end not in {told["release"] for told in probes.told}:
                _ask(probes, end, console)
        releases = listing.result()
        search = Search(releases, guess=_guess(scenario, question.door, releases))
        found = _carry_out(probes, search, console)
    except BaseException:
        console.print(f"go on:    {probes.resume()}", soft_wrap=True)
        raise
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    text = _report(probes, found, search)
    write_whole(probes.folder / "report.md", text)
    console.print(f"\n{summary(found, search.verdicts)}\nreport:   {probes.folder / 'report.md'}", soft_wrap=True)
    return EXIT_AS_EXPECTED if found.is_exact else EXIT_UNJUDGED  # rule: bisect-not-pinned-down (always)


def _first_that_can(ranges: Iterable[str], first: str) -> str:
    """The first end, or the first later release that lies in all of these ranges."""
    floors = [spec.version for one in ranges for spec in SpecifierSet(one) if spec.operator == ">="]
    return max([first, *floors], key=Version)


def _carry_out(probes: Probes, search: Search, console: Console) -> Found:
    for told in probes.told:
        if told["release"] in search.releases:  # rule: bisect-resumes
            search.tell(told["release"], told["outcome"])
    while (found := search.standing()).probe:
        search.tell(found.probe, _ask(probes, found.probe, console))
    return found


def _ask(probes: Probes, release: str, console: Console) -> str:
    """Probe a release and remember what it came to."""
    console.print(f"probe {len(probes.told) + 1}: {release}", soft_wrap=True)
    outcome, evidence, seconds = _probe(probes, release, lambda step: console.print(step, soft_wrap=True))
    probes.add(release, outcome, evidence)
    console.print(f"{release}: {outcome} ({seconds:.0f} s)", soft_wrap=True)
    return outcome


def _probe(probes: Probes, release: str, tell: Callable[[str], None]) -> tuple[str, str, float]:
    """One trial; its outcome (UNJUDGED where there is no verdict), where its evidence lies, and its seconds."""
    question = probes.question
    ask = RunAsk(
        subjects=(release,),
        scenarios=(question.scenario,),
        doors=(question.door,),
        engine=question.engine,
        results=probes.folder,
        keep="never",
        labs=1,
        database=question.database,
        start=question.start,
        clock=question.clock,
        schedules=question.schedules,
        concurrency_limit=question.concurrency_limit,
        at=question.at,
    )
    results, run = run_unseen(ask, probes.folder / "probes.log", tell)
    # A door that hits the twin, too, brings its control along: what that came to is in the trial's own outcome.
    # rule: bisect-the-asked-trial (always)
    (trial,) = [one for one in results.trials if (one.scenario, one.door) == (question.scenario, question.door)]
    outcome = UNJUDGED if unjudged(trial) or trial.outcome == NOT_APPLICABLE else said(trial)
    return outcome, f"{run}/{trial.folder}", results.seconds


def _guess(scenario: Scenario, door: str, releases: list[str]) -> str | None:
    """Where the change should be, by what is known of the scenario: it is only the release to probe first."""

    def known(release: str) -> str | None:
        found = known_for(scenario.backlog, load_doors()[door], release)
        return found.outcome if found else None

    for before, release in itertools.pairwise(releases):
        if known(before) and known(release) and known(before) != known(release):
            return release
    return None


def _report(probes: Probes, found: Found, search: Search) -> str:
    question = probes.question
    line = again("bisect", replace(question, first=search.releases[0], last=search.releases[-1]))
    rows = [
        f"| {told['release']} | {told['outcome']} | [{told['evidence']}]({told['evidence']}/report.md) |"
        for told in probes.told
    ]
    return "\n".join(
        [
            f"# {question.scenario}, {question.door}: the release that changed it",
            "",
            f"**{summary(found, search.verdicts)}**",
            "",
            f"Searched: {len(search.releases)} final releases from {search.releases[0]} to {search.releases[-1]}, "
            f"engine {question.engine}. Both ends were tried first; every probe is a trial of its own, with a twin.",
            "",
            "| release | outcome | evidence |",
            "|---|---|---|",
            *rows,
            "",
            f"Again: `{line}`",
            "",
        ]
    )


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    if ask.resume:
        return bisect(Probes.read(ask.resume), console)
    if not ask.scenario:
        raise UsageError(f"Name a --scenario: one of {', '.join(load_scenarios())}.")
    (scenario,) = select_scenarios([ask.scenario])
    asked = {field.name: getattr(ask, field.name) for field in fields(Question)}
    question = Question(**{**asked, "door": ask.door or scenario.usual_door})
    return bisect(start(question, ask.results), console)
