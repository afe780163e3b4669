"""Join the results folders of several runs, or the shards of a campaign, into one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.evidence.table import footnotes, table
from harness.runs.campaign_ledger import summary_of
from harness.runs.merge import merge
from harness.runs.merge_campaigns import merge_campaigns
from harness.store.campaigns import is_campaign
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
    if campaigns := [folder for folder in ask.folders if is_campaign(folder)]:
        if len(campaigns) < len(ask.folders) or ask.planned:
            raise UsageError(f"{str(campaigns[0])!r} is a campaign of chaos: join it with its other shards alone.")
        return _shards(ask, console)
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


def _shards(ask: Ask, console: Console) -> int:
    result = merge_campaigns(ask.folders, ask.into)
    missing = [f"plan-{place} is in no shard" for place in result.missing]
    for line in [*summary_of(result), *missing, f"evidence: {ask.into}", f"exit:     {result.exit_code}"]:
        console.print(line, soft_wrap=True, highlight=False)
    return result.exit_code or 0
