"""One run of a matrix: plan the cells, build the subjects, let pytest run the labs, and answer for all of it."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from rich.console import Console
from rich.live import Live

from harness.doors import Door
from harness.engines.base import Engine
from harness.engines.choose import choose_engine
from harness.engines.processes import kill_tree
from harness.engines.sweep import of_run, of_the_dead, salvage_logs, sweep
from harness.evidence.bug_report import write_bug_report
from harness.evidence.live import DONE, LiveView
from harness.evidence.page import write_page
from harness.evidence.table import Picture, footnotes, table
from harness.evidence.views import write_views
from harness.runs.ask import MARKDOWN, TABLE, RunAsk
from harness.runs.builds import say_built
from harness.runs.conclude import conclude
from harness.runs.plan import choose_trials, plan_cell, spread_over_labs
from harness.store.bundle import places
from harness.store.checksums import write_checksums
from harness.store.results import (
    LATEST,
    check_results,
    harness_commit,
    host_facts,
    new_run_id,
    point_latest,
    write_results,
    write_run,
)
from harness.store.trial_folder import read_entry, result
from harness.subjects.kinds import check_name, is_release, resolve
from harness.subjects.overlays import lock_lines
from harness.subjects.release import Release
from harness.trials.opening import open_history
from harness.trials.runner import as_lab_error, copy_logs
from harness.trials.scenario import SCENARIOS, Scenario, load_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED
from harness.verdict.outcomes import exit_code as exit_code_of
from harness.words import ownership
from harness.words.costs import children_seconds, read_costs
from harness.words.errors import Interrupted, LabError, UsageError
from harness.words.names import FORK, SERVER, SIGNALS
from harness.words.options import again
from harness.words.plan import Cell, Plan
from harness.words.scratch import scratch_folder

_STEP = re.compile(r" *\d+ s  ")
_POLL = 0.3
Only = Mapping[str, Sequence[tuple[str, str]]]  # by subject: the scenarios and doors that it is tried with
_BUILDS_AT_ONCE = 4  # they wait for the index and the disk as much as for a processor
_BARE = ("-p", "no:cacheprovider", "-p", "no:tmpdir", "--noconftest")  # leaves nothing beside the results


def labs_at_once(start: str) -> int:
    """How many labs run at once where nobody says: one for each core where they are forked, else for two cores.

    Measured on two cores (docs/benchmarks.md): two forked labs at once take little more than one, and 0.8 times the
    processor time of one after the other; two whose processes start anew ask for more than there is.
    """
    cores = os.cpu_count() or 1
    return max(1, cores if start == FORK else cores // 2)


def resolve_subjects(names: Sequence[str], engine: Engine) -> dict[str, Release | LabError]:
    """Each subject's release, or why it cannot be had. Raises UsageError for one that does not exist."""
    for name in names:
        check_name(name)

    def resolved(name: str) -> Release | LabError:
        try:
            return resolve(name, engine.target(), engine.resolve_image)
        except LabError as error:
            return error

    with _at_once() as pool:
        return dict(zip(names, pool.map(resolved, names), strict=True))


@contextmanager
def _at_once() -> Iterator[ThreadPoolExecutor]:
    """Threads for what is resolved and built; an interrupt ends what they started (uv, docker/base.sh)."""
    with ThreadPoolExecutor(max_workers=_BUILDS_AT_ONCE) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    child.terminate()
            raise


def run_matrix(ask: RunAsk, console: Console, shown: Console | None = None, *, only: Only | None = None) -> int:
    """Carry a run out; returns the exit code. Raises UsageError before anything is started, and Interrupted.

    What came of it goes to `shown`, where that is another than the console that is told of the progress. `only` names
    the scenarios and doors that some subjects are tried with; the others are tried with all of them.
    """
    started = time.monotonic()
    trials = choose_trials(ask.command, ask.scenarios, ask.doors)
    for name in ask.subjects:
        check_name(name)
    check_results(ask.results)
    engine, why = choose_engine(ask.engine)
    ask = replace(ask, engine=engine.name)
    _say(console, f"engine: {why}")
    swept = str(sweep(of_the_dead))
    if swept:
        _say(console, f"swept what a dead run left: {swept}")
    releases = resolve_subjects(ask.subjects, engine)
    run = new_run_id()
    plan = _plan(ask, run, releases, trials, engine, only=only or {})
    if ask.expression:
        plan = replace(plan, cells=_select(plan, ask.expression))
    plan.folder.mkdir(parents=True)
    scratch_folder(run)  # marks the run as alive, whichever engine it uses
    matrix = _Matrix(ask, plan, engine, releases, console=console, shown=shown or console, started=started)
    try:
        return matrix.run()
    except Interrupted as interrupted:
        matrix.finish(exit_code=128 + interrupted.number)
        raise
    except Exception:
        with suppress(OSError):  # what cannot be said must not keep the labs from being taken down
            traceback.print_exc()
        return matrix.finish(broken=True)


def run_unseen(
    ask: RunAsk, log: Path, tell: Callable[[str], None], *, only: Only | None = None
) -> tuple[dict[str, Any], str]:
    """Carry a run out, its output appended to a file; returns what is in its results.json, and its run id.

    `tell` gets a line for each step (building, a lab's phase). Its results folder must be of its own: that is where
    the newest run is looked for. Raises what `run_matrix` raises.
    """
    ask.results.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        output: Any = _Steps(file, tell)
        run_matrix(ask, Console(file=output, width=120, markup=False, highlight=False), only=only)
    return newest_results(ask.results)


def newest_results(results: Path) -> tuple[dict[str, Any], str]:
    """What is in the results.json of the newest run in a results folder, and its run id. Raises: FileNotFoundError."""
    newest = (results / LATEST).resolve()
    return dict(json.loads((newest / "results.json").read_text(encoding="utf-8"))), newest.name


class _Steps(io.TextIOBase):
    """A file that is written to, and whose lines of the form `  12 s  what is done` are told, too."""

    def __init__(self, file: IO[str], tell: Callable[[str], None]) -> None:
        self._file, self._tell, self._line = file, tell, ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if _STEP.match(line):
                self._tell(line)
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()


class _Matrix:
    """The run under way."""

    def __init__(
        self,
        ask: RunAsk,
        plan: Plan,
        engine: Engine,
        releases: dict[str, Release | LabError],
        *,
        console: Console,
        shown: Console,
        started: float,
    ) -> None:
        self.ask, self.plan, self.engine, self.releases = ask, plan, engine, releases
        self.console, self.shown, self.started = console, shown, started
        self.entries = {cell.name: result(plan, cell, [], None) for cell in plan.cells}
        self._tail = 0
        self._view = LiveView(plan, time.monotonic)
        self._builds: dict[str, Future[dict[str, str] | LabError]] = {}  # by subject, those that are under way
        self._pytest: subprocess.Popen[bytes] | None = None
        self._broke = False  # whether pytest ended otherwise than by its items

    def run(self) -> int:
        """Build, run the labs, finish; returns the exit code."""
        self._write(exit_code=None)
        self._write_run()
        point_latest(self.ask.results, self.plan.folder)
        if any(cell.outcome is None for cell in self.plan.cells):
            self._build_and_run()
        return self.finish(broken=self._broke)

    def _build_and_run(self) -> None:
        """Build the subjects side by side, and run each lab as soon as its own is there."""
        subjects = list(dict.fromkeys(cell.subject for cell in self.plan.cells if cell.outcome is None))
        with _at_once() as pool:
            self._builds = {subject: pool.submit(self._build_subject, subject) for subject in subjects}
            try:
                self._run_pytest()
            except BaseException:
                self._end_pytest()  # before the fork servers, whose end its labs would take for a fault
                raise

    def _take_up_builds(self) -> None:
        """Tell the labs of the subjects that are there; one that cannot be built is an error of its cells alone."""
        for subject in [subject for subject, build in self._builds.items() if build.done()]:
            found = self._builds.pop(subject).result()
            release = self.releases[subject]
            mine = [cell for cell in self.plan.cells if cell.subject == subject and cell.outcome is None]
            if isinstance(found, LabError):
                for cell in mine:
                    history = open_history(self.plan, cell, load_scenarios()[cell.scenario])
                    history.add("error", phase="build", reason=found.reason, source=found.source, log=found.log)
                    self.entries[cell.name] = conclude(self.plan, cell)
                    self._view.enter(cell.lab, DONE)
                self._write(exit_code=None)
                found = {}
            elif isinstance(release, Release):
                for cell in mine:
                    self._save_lock(cell, release)
            say_built(self.plan.run, subject, found)

    def _build_subject(self, asked: str) -> dict[str, str] | LabError:
        """What a subject was built under, by role, its fork servers on their way; or why it cannot be had."""
        release = self.releases[asked]
        try:
            if isinstance(release, LabError):
                raise release
            self.engine.prepare(self.ask.database, self._say)
            parts = {SERVER: release, **release.roles}
            keys = {role: self.engine.build(part, self._say) for role, part in parts.items()}
            if self.plan.start == FORK:
                for key in dict.fromkeys(keys.values()):
                    self.engine.warm(key, self.plan.run)
        except Exception as error:
            return as_lab_error(error)
        return keys

    def _save_lock(self, cell: Cell, release: Release) -> None:
        folder = self.plan.trial_folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in {"subject": release, **release.roles}.items():
            (folder / f"{name}.lock").write_text(part.lock + lock_lines(part.overlays), encoding="utf-8")

    def _run_pytest(self) -> None:
        """Let pytest, with a worker a lab at once, run the cells; show progress until it ends."""
        plan_file = self.plan.folder / "plan.json"
        runnable = [cell for cell in self.plan.cells if cell.outcome is None]
        replace(self.plan, cells=runnable).write(plan_file)
        labs = {cell.lab for cell in runnable}
        at_once = min(self.ask.labs or labs_at_once(self.plan.start), len(labs))
        command = [
            sys.executable, "-m", "pytest", "-p", "harness.runs.pytest_plugin", "--plan", str(plan_file),
            "-n", str(at_once), "--dist", "loadscope", "-c", os.devnull, "--rootdir", str(SCENARIOS),
            *_BARE, "-p", "xdist.plugin", "--max-worker-restart", "0", str(SCENARIOS),
        ]  # fmt: skip
        environment = {**os.environ, **ownership.environment(self.plan.run), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):  # a person's own pytest is not this one
            environment.pop(name, None)
        with (self.plan.folder / "pytest.log").open("wb") as log:
            self._pytest = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True,
            )  # fmt: skip
            # On a terminal one table that moves; for a pipe or a CI system a line for each phase of each lab.
            live = Live(console=self.console, transient=True, auto_refresh=False) if self._is_watched() else None
            with live or nullcontext():
                # Once the last lab is down, xdist takes 2 s more to end its workers, which nothing waits for.
                while self._pytest.poll() is None and not self._view.all_done(labs):
                    self._take_up_builds()
                    self._show_progress(live)
                    time.sleep(_POLL)
        self._show_progress()
        ended = self._pytest.poll()  # None once all labs are done: nothing waits for the end of xdist's workers
        if ended not in (None, pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._say(f"(!) pytest ended with {ended}: its output is in {self.plan.folder / 'pytest.log'}")
            self._broke = True

    def _is_watched(self) -> bool:
        return self.console.is_terminal and not os.environ.get("CI")

    def _show_progress(self, live: Live | None = None) -> None:
        """Show the labs' new phases, and take up the verdicts that have come."""
        progress = self.plan.folder / "progress.jsonl"
        if progress.exists():
            # A line that is only half written yet is for the next time.
            text = progress.read_text(encoding="utf-8")
            lines = text[: text.rfind("\n") + 1].splitlines()
            for line in lines[self._tail :]:
                told = json.loads(line)
                if "note" in told:
                    self._say(f"{told['lab'].replace('--', ', ')}: {told['note']}")
                    continue
                self._view.enter(told["lab"], told["phase"])
                if live is None:
                    self._say(f"{told['lab'].replace('--', ', ')}: {told['phase']}")
            self._tail = len(lines)
        news = False
        for cell in self.plan.cells:
            if self.entries[cell.name]["outcome"] is None and (entry := read_entry(self.plan.trial_folder(cell))):
                self.entries[cell.name] = entry
                news = True
        if news:
            self._write(exit_code=None)
        if live is not None:
            with suppress(Exception):  # a picture that fails ends no run
                live.update(self._view.draw(self.entries), refresh=True)

    def finish(self, exit_code: int | None = None, *, broken: bool = False) -> int:
        """End what still runs, save its logs, sweep, judge what has no verdict, and show it; returns the exit code.

        Runs whichever way the run ended. `exit_code` is that of an interrupt; None computes it from the outcomes, and
        `broken` says that the harness itself failed, which is never a success.
        """
        interrupted = exit_code is not None
        if interrupted:
            self._say("interrupted: saving logs and taking everything down")
        started = [cell for cell in self.plan.cells if cell.outcome is None]
        for step in (
            self._end_pytest,
            self.engine.close,
            lambda: salvage_logs(self.plan.run, self.plan.lab_folder),
            lambda: sweep(of_run(self.plan.run)),
            lambda: copy_logs(self.plan, started),
        ):
            try:
                step()
            except Exception as error:  # one that fails must not keep the next from its work
                self._say(f"while taking down: {type(error).__name__}: {error}")
        for cell in self.plan.cells:
            if cell.outcome is None and (not interrupted or self._was_started(cell)):
                self.entries[cell.name] = self._conclude(cell)
        code = exit_code_of(self.entries.values()) if exit_code is None else exit_code
        if broken and code == EXIT_AS_EXPECTED:
            code = EXIT_UNJUDGED
        self._write(exit_code=code)
        self._write_run()
        self._show(code)
        self._beside(lambda: write_page(self.plan.folder))
        self._beside(lambda: write_checksums(self.plan.folder))
        return code

    def _beside(self, write: Callable[[], None]) -> None:
        """Write something that no verdict hangs on: its failure is said, and changes nothing else."""
        try:
            write()
        except Exception as error:
            self._say(f"(!) not written: {type(error).__name__}: {error}")

    def _end_pytest(self) -> None:
        if self._pytest is not None and self._pytest.poll() is None:
            kill_tree(self._pytest.pid)
            with suppress(subprocess.TimeoutExpired):
                self._pytest.wait(timeout=20)

    def _was_started(self, cell: Cell) -> bool:
        return (self.plan.trial_folder(cell) / "history.jsonl").exists()

    def _conclude(self, cell: Cell) -> dict[str, Any]:
        """What a cell came to: as its pytest item judged it, or judged here where it never got so far.

        One that never got a history is `error`, with the end of pytest's log to say why.
        """
        if entry := read_entry(self.plan.trial_folder(cell)):
            return entry
        if not self._was_started(cell):
            log = self.plan.folder / "pytest.log"
            history = open_history(self.plan, cell, load_scenarios()[cell.scenario])
            history.add(
                "error",
                phase="start",
                reason="the trial never started",
                source="pytest",
                log=log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else "",
            )
        return conclude(self.plan, cell)

    def _write(self, *, exit_code: int | None) -> None:
        seconds = time.monotonic() - self.started
        write_results(self.plan.folder, list(self.entries.values()), exit_code=exit_code, seconds=seconds)

    def _write_run(self) -> None:
        write_run(
            self.plan.folder,
            {
                "run": self.plan.run,
                "argv": sys.argv[1:],
                "command": self.ask.again(),
                "places": places(self.ask.results),
                "harness": harness_commit(),
                "host": host_facts(),
                "engine": {"name": self.engine.name, "detail": self.plan.cells[0].engine_detail},
                "start": self.plan.start,
                "subjects": {
                    asked: {"error": release.reason} if isinstance(release, LabError) else _resolved(release)
                    for asked, release in self.releases.items()
                },
                "cpu_seconds": round(time.process_time() + children_seconds(), 1),
                "labs": read_costs(self.plan.folder),
            },
        )

    def _show(self, code: int) -> None:
        trials = list(self.entries.values())
        command = self.ask.again()
        self._beside(lambda: self._write_views(trials, command))
        if self.ask.format == TABLE:
            self.shown.print()
            self.shown.print(Picture(trials) if self.ask.command == "matrix" else table(trials))
            for line in footnotes(trials):
                self.shown.print(line)
        else:
            name = "summary.md" if self.ask.format == MARKDOWN else "results.json"
            said = self.plan.folder / name
            self._beside(lambda: self.shown.print(said.read_text(encoding="utf-8"), end="", soft_wrap=True))
        self.console.print(f"\nevidence: {self.plan.folder}", soft_wrap=True)
        self.console.print(f"again:    {command}", highlight=False, soft_wrap=True)
        self.console.print(f"exit:     {code}")

    def _write_views(self, trials: list[dict[str, Any]], command: str) -> None:
        self._beside(lambda: write_bug_report(self.plan.folder, trials))
        text = write_views(self.plan.folder, trials, command)
        if self.ask.command == "gate":
            _add_to_github_summary(text)

    def _say(self, text: str) -> None:
        _say(self.console, f"{time.monotonic() - self.started:5.0f} s  {text}")


def _resolved(release: Release) -> dict[str, Any]:
    found: dict[str, Any] = {"version": release.version, "as_of": release.as_of, "note": release.note}
    roles = {role: _resolved(part) for role, part in release.roles.items()}
    return {**found, "roles": roles} if roles else found


def _add_to_github_summary(text: str) -> None:
    """Show the summary on the job's page, where this is a job of GitHub Actions (its documented variable says so)."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True)


def _plan(
    ask: RunAsk,
    run: str,
    releases: dict[str, Release | LabError],
    trials: Sequence[tuple[Scenario, Door]],
    engine: Engine,
    *,
    only: Only,
) -> Plan:
    cells = []
    detail = engine.describe()
    repetitions = range(1, ask.repeat + 1)
    for (asked, release), (scenario, door), repetition in itertools.product(releases.items(), trials, repetitions):
        if asked in only and (scenario.name, door.name) not in only[asked]:
            continue
        known = release if isinstance(release, Release) else Release(asked, "", "", "")
        alone = RunAsk(
            subjects=(known.version or asked if is_release(asked) else asked,),
            scenarios=(scenario.name,),
            doors=() if door.name == scenario.usual_door else (door.name,),
            engine=engine.name,
            database=ask.database,
            start=ask.start,
        )
        cells.append(
            plan_cell(
                scenario,
                door,
                subject=asked,
                version=known.version,
                versions={role: part.version for role, part in known.roles.items()},
                as_of=known.as_of,
                engine=engine.name,
                database=ask.database,
                engine_detail=detail,
                note=known.note,
                command=again("gate" if ask.is_held else "reproduce", alone),
                repetition=repetition,
                held=ask.is_held or not is_release(asked),
            )
        )
    return Plan(run, (ask.results / run).absolute(), spread_over_labs(cells), ask.keep, ask.start)


@contextmanager
def _signals_held() -> Iterator[None]:
    """What would interrupt the command comes at the end of this: pytest swallows it while it collects."""
    came: list[int] = []
    handled = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handled:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for first in came[:1]:
            signal.raise_signal(first)


def _select(plan: Plan, expression: str) -> list[Cell]:
    """The cells that pytest's own -k selects. Raises UsageError where it selects none or cannot be read."""

    class Selected:
        names: set[str] = set()  # noqa: RUF012 - one object, used once

        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            # -k is for the trial's name alone: `main` is the checkout's folder, `scenario` the file's name.
            for item in items:
                item.listchain = lambda item=item: [item.session, item]  # type: ignore[method-assign,misc]

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.names = {item.name for item in session.items}

    selected = Selected()
    with tempfile.TemporaryDirectory() as folder:
        plan_file = Path(folder) / "plan.json"
        plan.write(plan_file)
        with (
            _signals_held(),
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            code = pytest.main(
                ["-p", "harness.runs.pytest_plugin", "--plan", str(plan_file), "--collect-only", "-q", "-k", expression,
                 "-c", os.devnull, "--rootdir", str(SCENARIOS), *_BARE, str(SCENARIOS)],
                plugins=[selected],
            )  # fmt: skip
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise UsageError(f"-k {expression!r} cannot be read. It takes parts of names, joined by `and`, `or`, `not`.")
    cells = [cell for cell in plan.cells if cell.name in selected.names]
    if not cells:
        names = "\n  ".join(cell.name for cell in plan.cells[:2])
        raise UsageError(
            f"-k {expression!r} selects none of the {len(plan.cells)} trials. Their names are like\n  {names}"
        )
    return cells
