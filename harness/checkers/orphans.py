"""Whether a run that waits still has the deployment that it is of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import found_at, listed_at
from harness.history import of_kind
from harness.words.events import DeploymentRead, Event
from harness.words.facts import FlowRun
from harness.words.names import AFTER, BEFORE, DRAINED, WAITS
from harness.words.promises import Breach

PROMISE = "No run waits on when its deployment is gone: it is deleted with it, or keeps it."
_CANCELLED = "CANCELLED"


def check(events: Sequence[Event]) -> Check:
    """Broken by a run that waited before the door and is left without a deployment: it waits on, or was cancelled."""
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    before = listed_at(events, BEFORE)
    waited = {run.run: run for run in before.values() if run.deployment_id and run.state_type in WAITS}
    if not waited:  # the earliest histories do not say whose run it is
        return None
    gone = {event.deployment.id for event in of_kind(events, DeploymentRead) if event.deployment.deleted}
    breaches: dict[str, Breach] = {}
    for when in (AFTER, DRAINED):
        looked_up, listed = found_at(events, when), listed_at(events, when)
        for one in listed.values():  # what the scheduler made of a deployment that was gone
            made = gone and one.run not in before and one.auto_scheduled and one.state_type in WAITS
            # rule: orphan-made-after-the-deletion
            if made and _is_left_behind(one, gone) and one.run not in breaches:
                what = f"was made without its deployment, and is {one.state_name} {when}"
                at = one.expected_start_time or ""
                breaches[one.run] = Breach(side=one.side or "", run=one.run, what=what, at=at)
        for run, was in waited.items():
            sources = [one for one in (looked_up.get(run), listed.get(run)) if one]
            # rule: orphan-by-both-sources (without first)
            if len(sources) == 2 and all(_is_left_behind(one, gone) for one in sources) and run not in breaches:
                why = "its deployment is gone" if looked_up[run].deployment_id else "it has no deployment any more"
                what = f"is {looked_up[run].state_name} {when}, and {why}"
                at = was.expected_start_time or ""
                breaches[run] = Breach(side=was.side or "", run=run, what=what, at=at)
    return Seen(
        held=f"no run of {len(waited)} that waited is left without its deployment", breaches=[*breaches.values()]
    )


def _is_left_behind(run: FlowRun, gone: Collection[str]) -> bool:
    """Whether a run that no worker has picked up names no deployment, or one that is gone."""
    # rule: orphan-none-any-more (without first), orphan-of-a-deleted-deployment (without last)
    ownerless = run.deployment_id is None or run.deployment_id in gone
    return ownerless and run.state_type in (*WAITS, _CANCELLED)  # rule: orphan-was-not-picked-up (without last)
