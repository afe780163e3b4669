"""Joins the shards of a campaign of chaos into one folder, as if one machine had carried all of it out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.chaos.results import CampaignResult, PlanResult
from harness.runs.campaign_evidence import show_campaign
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import (
    ASKED,
    PLANNED,
    read_campaign,
    read_planned,
    unlike,
    write_campaign,
)
from harness.store.checksums import write_checksums
from harness.store.results import check_writable
from harness.verdict.plans import exit_code
from harness.words.errors import UsageError


def merge_campaigns(folders: Sequence[Path], into: Path) -> CampaignResult:
    """Join shards into a new folder. A plan that none of them has is missing, and then nothing is a success.

    Raises: UsageError, before anything is written, for shards of different campaigns, for a plan that two of them have,
    and for one that was changed.
    """
    where = [folder.resolve() for folder in folders]
    if twice := [folder for folder in where if where.count(folder) > 1]:  # rule: merge-plan-twice
        raise UsageError(f"{str(twice[0])!r} is named twice, and would count twice: name it once.")
    shards = {folder: read_campaign(folder) for folder in folders}
    (first, one), *others = shards.items()
    words = {field: says for field, says in ASKED.items() if field != "shard"}
    for folder, other in others:
        if differ := unlike(one, other, words):  # rule: merge-one-campaign
            raise UsageError(f"{str(first)!r} and {str(folder)!r} are of different campaigns; {differ[0]}.")
    if one.promise:
        raise UsageError(f"{str(first)!r} is a reduction, which is not divided; there is nothing to join.")
    for folder in shards:
        look = recheck_campaign(folder)
        if look.problems:  # rule: merge-refused-shard
            raise UsageError(
                f"{str(folder)!r} does not hold, and is not joined: {look.objections[-1]:.300}\n"
                f"`harness recheck {folder}` says all."
            )
    found = _by_place(shards)
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise UsageError(f"{str(into)!r} is no empty folder; name a new one.")
    check_writable(into, "--into")
    read_planned(first, one.planned)
    shutil.copytree(first / PLANNED, into / PLANNED)
    for folder, plan in found.values():
        shutil.copytree((folder / plan.file).parent, (into / plan.file).parent)
    result = _together(shards, [plan for _, plan in found.values()])
    write_campaign(into, result)
    show_campaign(into, result)
    write_checksums(into)
    return result


def _by_place(shards: Mapping[Path, CampaignResult]) -> dict[int, tuple[Path, PlanResult]]:
    """Each plan that was carried out, in order, and where it lies. Raises: UsageError for one that two shards have."""
    found: dict[int, tuple[Path, PlanResult]] = {}
    for folder, shard in shards.items():
        for plan in shard.plans:
            if plan.place in found:  # rule: merge-plan-twice
                both = f"{str(found[plan.place][0])!r} and in {str(folder)!r}"
                raise UsageError(f"plan-{plan.place} is in {both}, and would count twice: name one of them.")
            found[plan.place] = folder, plan
    return dict(sorted(found.items()))


def _together(shards: Mapping[Path, CampaignResult], plans: Sequence[PlanResult]) -> CampaignResult:
    one = next(iter(shards.values()))
    result = replace(
        one,
        plans=[],
        coverage=one.seen,
        shard="",
        command="; ".join(dict.fromkeys(shard.command for shard in shards.values())),
        merged=[run for shard in shards.values() for run in shard.merged or [shard.run]],
    )
    for plan in plans:
        result = result.also(plan)
    return replace(result, exit_code=exit_code(plans, result.missing))
