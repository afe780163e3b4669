"""The subjects of a run, resolved and built side by side; a lab waits for its own subject alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psutil

from harness.engines.base import Engine
from harness.runs.builds import say_built
from harness.runs.conclude import conclude
from harness.runs.ledger import Ledger
from harness.subjects.kinds import check_name, resolve
from harness.subjects.overlays import lock_lines
from harness.subjects.release import Release
from harness.trials.opening import open_history
from harness.trials.phases import as_lab_error
from harness.trials.scenario import load_scenarios
from harness.words.errors import LabError
from harness.words.names import FORK, SERVER, WARP
from harness.words.plan import Cell

_AT_ONCE = 4  # resolving and building wait for the index and the disk as much as for a processor
Keys = dict[str, str]  # by role: what the engine finds a subject's part by


def resolve_subjects(names: Sequence[str], engine: Engine) -> dict[str, Release | LabError]:
    """Each subject's release, or why it cannot be had. Raises: UsageError for one that does not exist."""
    for name in names:
        check_name(name)

    def resolved(name: str) -> Release | LabError:
        try:
            return resolve(name, engine.target(), engine.resolve_image)
        except LabError as error:
            return error

    with _threads() as pool:
        return dict(zip(names, pool.map(resolved, names), strict=True))


class Builds:
    """The builds of a run that are under way. `done(lab)` is called for a lab that will not start."""

    def __init__(self, ledger: Ledger, done: Callable[[str], None]) -> None:
        self._ledger, self._done = ledger, done
        self._under_way: dict[str, Future[Keys | LabError]] = {}  # by subject

    @contextmanager
    def started(self) -> Iterator[None]:
        """Build what the run's labs need, as long as this is open."""
        with _threads() as pool:
            for subject in dict.fromkeys(cell.subject for cell in self._ledger.runnable):
                self._under_way[subject] = pool.submit(self._build, subject)
            yield

    def take_up(self) -> None:
        """Tell the labs of the subjects that are there; one that cannot be built is an error of its cells alone."""
        for subject in [subject for subject, build in self._under_way.items() if build.done()]:
            found = self._under_way.pop(subject).result()
            mine = [cell for cell in self._ledger.runnable if cell.subject == subject]
            if isinstance(found, LabError):
                self._give_up(mine, found)
                found = {}
            else:
                for cell in mine:
                    self._save_lock(cell)
            say_built(self._ledger.plan.run, subject, found)

    def _build(self, subject: str) -> Keys | LabError:
        """Build a subject and start its fork servers; returns why it cannot be had where it cannot."""
        engine, release = self._ledger.engine, self._ledger.releases[subject]
        try:
            if isinstance(release, LabError):
                raise release
            engine.prepare(self._ledger.ask.database, self._ledger.say)
            parts = {SERVER: release, **release.roles}
            keys = {role: engine.build(part, self._ledger.say) for role, part in parts.items()}
            clocks = {cell.clock for cell in self._ledger.runnable if cell.subject == subject}
            for key in dict.fromkeys(keys.values()):
                if WARP in clocks:
                    engine.check_clock(key)
                for clock in sorted(clocks) if self._ledger.plan.start == FORK else ():
                    engine.warm(key, self._ledger.plan.run, clock)
        except Exception as error:
            return as_lab_error(error)
        return keys

    def _give_up(self, cells: Sequence[Cell], error: LabError) -> None:
        plan = self._ledger.plan
        for cell in cells:
            history = open_history(plan, cell, load_scenarios()[cell.scenario])
            history.add("error", phase="build", reason=error.reason, source=error.source, log=error.log)
            self._ledger.entries[cell.name] = conclude(plan, cell)
            self._done(cell.lab)
        self._ledger.write(exit_code=None)

    def _save_lock(self, cell: Cell) -> None:
        release = self._ledger.releases[cell.subject]
        assert isinstance(release, Release)
        folder = self._ledger.plan.trial_folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in {"subject": release, **release.roles}.items():
            (folder / f"{name}.lock").write_text(part.lock + lock_lines(part.overlays), encoding="utf-8")


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that resolve and build; an interrupt ends the processes that they started (uv, docker/base.sh)."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    child.terminate()
            raise
