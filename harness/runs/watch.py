"""What a run shows while its labs work: on a terminal one table that moves, else a line for each phase of each lab."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.live import Live

from harness.evidence.live import DONE, LiveView
from harness.runs.ledger import Ledger


class Watch:
    """Reads what the labs append to progress.jsonl, and their verdicts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._view = LiveView(ledger.plan, time.monotonic)
        self._live: Live | None = None
        self._read = 0  # lines of progress.jsonl

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this is open, a terminal shows the table that moves."""
        console = self._ledger.console
        if not console.is_terminal or os.environ.get("CI"):
            yield
            return
        with Live(console=console, transient=True, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def lab_is_done(self, lab: str) -> None:
        """No more will come of a lab."""
        self._view.enter(lab, DONE)

    def all_done(self, labs: Iterable[str]) -> bool:
        """Whether each of these labs has said that it is down."""
        return self._view.all_done(labs)

    def look(self) -> None:
        """Show the labs' new phases, and take up the verdicts that have come."""
        progress = self._ledger.plan.folder / "progress.jsonl"
        if progress.exists():
            # A line that is only half written yet is for the next time.
            text = progress.read_text(encoding="utf-8")
            lines = text[: text.rfind("\n") + 1].splitlines()
            for line in lines[self._read :]:
                self._show(json.loads(line))
            self._read = len(lines)
        self._ledger.take_up_verdicts()
        if self._live is not None:
            with suppress(Exception):  # a picture that fails ends no run
                self._live.update(self._view.draw(self._ledger.entries), refresh=True)

    def _show(self, told: dict[str, str]) -> None:
        lab = told["lab"].replace("--", ", ")
        if "note" in told:
            self._ledger.say(f"{lab}: {told['note']}")
            return
        self._view.enter(told["lab"], told["phase"])
        if self._live is None:
            self._ledger.say(f"{lab}: {told['phase']}")
