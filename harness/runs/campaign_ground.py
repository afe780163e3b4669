"""A campaign of chaos from its record to its end: what it runs on is built, and nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.chaos.coverage import Coverage
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CAMPAIGN_SCHEMA, CampaignResult
from harness.engines import movable_clock
from harness.engines.base import Engine
from harness.engines.sweep import of_run, sweep
from harness.runs.campaign import Bench, Ground
from harness.runs.campaign_ledger import CampaignLedger
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import (
    ASKED,
    digest,
    is_campaign,
    keep_planned,
    read_campaign,
    unlike,
    write_campaign,
)
from harness.store.results import harness_commit
from harness.subjects.release import Release
from harness.words.errors import UsageError
from harness.words.names import FORK, SERVER, WARP
from harness.words.scratch import scratch_folder


def campaign_of(
    release: Release,
    *,
    subject: str,
    run: str,
    command: str,
    engine: str,
    database: str,
    start: str,
    plans: Sequence[ChaosPlan],
    seed: int | None = None,
    steps: int | None = None,
    seen: Coverage | None = None,
    shard: str = "",
    promise: str = "",
    until_news: bool = False,
) -> CampaignResult:
    """A campaign of which nothing was carried out; `seed` and `steps` where the plans were drawn."""
    return CampaignResult(
        schema=CAMPAIGN_SCHEMA,
        run=run,
        command=command,
        subject=subject,
        version=release.version,
        engine=engine,
        database=database,
        coverage=seen or Coverage(),
        seed=seed,
        steps=steps,
        seen=seen or Coverage(),
        planned=[digest(plan) for plan in plans],
        shard=shard,
        promise=promise,
        until_news=until_news,
        start=start,
        versions={role: part.version for role, part in release.roles.items()},
        as_of=release.as_of,
        harness=harness_commit(),
    )


def opened(
    folder: Path, new: CampaignResult, plans: Sequence[ChaosPlan], *, but: Collection[str] = ()
) -> CampaignResult:
    """The campaign in a folder: the one that was begun there, or else this new one of these plans.

    Raises: UsageError where the one that was begun is another one, in any field but these, or was changed since: its
    checksums will be made anew.
    """
    if not is_campaign(folder):
        keep_planned(folder, plans)
        write_campaign(folder, new)
        return new
    begun = read_campaign(folder)
    if differ := unlike(begun, new, {field: says for field, says in ASKED.items() if field not in but}):
        # rule: campaign-goes-on-with-the-same
        raise UsageError(f"The campaign in {str(folder)!r} was begun with other things; then and now: {differ[0]}.")
    if problems := recheck_campaign(folder).problems:  # rule: campaign-goes-on-sound
        raise UsageError(
            f"The campaign in {str(folder)!r} does not hold, and is not gone on with: {problems[0]:.300}\n"
            f"`harness recheck {folder}` says all."
        )
    return begun


def carry_out_campaign(
    ledger: CampaignLedger, engine: Engine, release: Release, *, run: str, say: Callable[[str], None]
) -> int:
    """Carry out what is left of a campaign; returns its exit code. Raises: LabError where no lab can be had."""
    if ledger.is_whole:
        return ledger.end()
    with _ground(ledger, engine, release, run, say) as ground, Bench(ground, say) as bench:
        return ledger.carry_on(bench)


@contextmanager
def _ground(
    ledger: CampaignLedger, engine: Engine, release: Release, run: str, say: Callable[[str], None]
) -> Iterator[Ground]:
    """The ground that plans are carried out on, built; nothing of the run is left in the end."""
    asked = ledger.result
    movable_clock.preload()
    engine.prepare(asked.database, say)
    parts = {SERVER: release, **release.roles}
    keys = {role: engine.build(part, say) for role, part in parts.items()}
    scratch_folder(run)
    try:
        for key in dict.fromkeys(keys.values()):
            engine.check_clock(key)
            if asked.start == FORK:
                engine.warm(key, run, WARP)
        versions = {role: part.version for role, part in parts.items()}
        yield Ground(
            engine, asked.subject, versions, release.as_of, keys, asked.database, asked.start, run, ledger.folder
        )
    finally:
        engine.close()
        sweep(of_run(run))
