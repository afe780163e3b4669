"""Which trials of a plan an expression selects (`-k`), by pytest's own rules."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.runs.labs import BARE
from harness.trials.scenario import SCENARIOS
from harness.words.errors import UsageError
from harness.words.names import SIGNALS
from harness.words.plan import Plan


def select(plan: Plan, expression: str) -> Plan:
    """The plan with the cells that an expression selects. Raises: UsageError if it selects none or cannot be read."""

    class Selected:
        names: set[str] = set()  # noqa: RUF012 - one object, used once

        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            # -k is for the trial's name alone: `main` is the checkout's folder, `scenario` the file's name.
            for item in items:
                # rule: select-by-own-name (skip)
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
                 "-c", os.devnull, "--rootdir", str(SCENARIOS), *BARE, str(SCENARIOS)],
                plugins=[selected],
            )  # fmt: skip
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise UsageError(f"-k {expression!r} cannot be read. It takes parts of names, joined by `and`, `or`, `not`.")
    cells = [cell for cell in plan.cells if cell.name in selected.names]
    controls = {cell.control for cell in cells}  # rule: select-keeps-controls (gives [])
    cells = [cell for cell in plan.cells if cell in cells or cell.name in controls]
    if not cells:
        names = "\n  ".join(cell.name for cell in plan.cells[:2])
        raise UsageError(
            f"-k {expression!r} selects none of the {len(plan.cells)} trials. Their names are like\n  {names}"
        )
    return replace(plan, cells=cells)


@contextmanager
def _signals_held() -> Iterator[None]:
    """A signal that would interrupt the command comes at the end of this: pytest swallows it while it collects."""
    came: list[int] = []
    handled = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handled:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for first in came[:1]:  # rule: interrupt-while-selecting
            signal.raise_signal(first)
