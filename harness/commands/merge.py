"""Join the results folders of several runs, such as those of several machines, into one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.evidence.table import footnotes, table
from harness.runs.merge import merge
from harness.words.errors import UsageError
from harness.words.options import Argument, Option


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    folders: Annotated[tuple[Path, ...], Argument("FOLDER", "a results folder, such as results/latest")]
    into: Annotated[Path, Option("a new folder", metavar="FOLDER")]
    planned: Annotated[str, Option("what `harness cells` printed: all that must be there", metavar="JSON")] = ""


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    try:
        planned = json.loads(ask.planned or '{"include": []}')["include"]
        if not all(isinstance(cell[name], str) for cell in planned for name in ("subject", "scenario")):
            raise TypeError("not in words")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError("--planned is not what `harness cells` prints.") from None
    joined = merge(ask.folders, ask.into, planned)
    console.print(table(joined.trials))
    for line in [*footnotes(joined.trials), *joined.broken]:
        console.print(line)
    console.print(f"\nevidence: {ask.into}", soft_wrap=True)
    return joined.exit_code
