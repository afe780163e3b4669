"""What a guard found, as lines and a table of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from harness.guard.at_risk import Group
from harness.guard.listing import Deployment
from harness.guard.restore import LOST, Item, counts


def table_of(groups: Sequence[Group], names: Mapping[str, Deployment], doors: Sequence[str]) -> Table:
    """A row a group: deployment, kind, how many, and what would become of them through each door."""
    table = Table(width=80, box=None, pad_edge=False, header_style="")
    table.add_column("deployment", overflow="fold", ratio=1)
    table.add_column("backlog", overflow="fold", max_width=15)
    table.add_column("runs", justify="right", min_width=4)
    for door in doors:
        table.add_column(door, overflow="fold", max_width=18)
    for group in groups:
        said = [one.outcome for one in group.foretold]
        table.add_row(name_of(group.deployment, names), group.kind, str(group.runs), *said)
    return table


def name_of(deployment: str, names: Mapping[str, Deployment]) -> str:
    """A deployment's full name; its id where the server has it no more."""
    return names[deployment].full_name if deployment in names else deployment


def reasons_of(groups: Sequence[Group]) -> list[str]:
    """Why, once for each kind and door."""
    said = [f"  {group.kind}, {one.door}: {one.outcome} ({one.why})" for group in groups for one in group.foretold]
    return list(dict.fromkeys(said))


def lines_of(items: Sequence[Item]) -> list[str]:
    """What becomes of the runs of a snapshot: how many have each fate, and the lost ones by deployment."""
    said = [f"{number} {fate}" for fate, number in counts(items).items()] or ["the snapshot has no runs"]
    lost: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.fate in LOST:
            lost.setdefault((item.line.deployment or "a deployment that was gone before", item.fate), []).append(item)
    for (deployment, _), several in lost.items():
        named = ", ".join(f"{item.line.run.name} of {item.line.run.expected_start_time}" for item in several[:3])
        more = f", and {len(several) - 3} more" if len(several) > 3 else ""
        said.append(f"  {deployment}: {len(several)} lost: {named}{more}")
    return said
