"""Join the results folders of several runs, one machine's each, into one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from harness.evidence.table import footnotes, table
from harness.runs.merge import merge
from harness.words.errors import UsageError


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a results folder, such as results/latest"
    )
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "--planned", default="", metavar="JSON", help="what `harness cells` printed: all that must be there"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Carry it out."""
    try:
        planned = json.loads(options.planned or '{"include": []}')["include"]
        if not all(isinstance(cell[name], str) for cell in planned for name in ("subject", "scenario")):
            raise TypeError("not in words")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError("--planned is not what `harness cells` prints.") from None
    joined = merge(options.folders, options.into, planned)
    console.print(table(joined.trials))
    for line in [*footnotes(joined.trials), *joined.broken]:
        console.print(line)
    console.print(f"\nevidence: {options.into}", soft_wrap=True)
    return joined.exit_code
