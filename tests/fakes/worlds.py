"""Whole worlds for the judge: what may happen to runs at any moment, on any side, and what a server may lie about.

A world is drawn, carried out on the fake Prefect through the real phases, and judged; `tests/fakes/truth.py` says what
was true. `python -m tests.fakes.worlds 20000` counts false verdicts over so many worlds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harness.doors import Door, Treated, load_doors
from harness.engines.base import CommandResult
from harness.trials import phases
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import broken_promises
from tests.fakes import fake_api
from tests.fakes.fake_lab import FakeLab
from tests.fakes.fake_prefect import LIFTED, UPDATED, FakePrefect, Run
from tests.fakes.ground import fake_ground
from tests.fakes.truth import Truth

DOORS = load_doors()

MINIMUM = 3
SCENARIOS = ("worker-outage", "concurrency-limit", "awaiting-retry")
OPENED = ("prefect-deploy", "patch-deployment", "pause-deployment", "none")
MOMENTS = ("as the door opens", "updated", "as the door is shut", "looked up", "lifted", "looked up again")
LOOK_UP = "^GET /flow_runs/"
Strike = Callable[[FakePrefect, Run], None]


def delete(prefect: FakePrefect, run: Run) -> None:
    prefect.runs.pop(run.id, None)


def recreate(prefect: FakePrefect, run: Run) -> None:
    delete(prefect, run)
    prefect.add_run(run.deployment, run.expected, auto_scheduled=True)


def reinsert(prefect: FakePrefect, run: Run) -> None:
    delete(prefect, run)
    prefect.add_run(run.deployment, run.expected, auto_scheduled=True, run_id=run.id).name = run.name


def rename(_prefect: FakePrefect, run: Run) -> None:
    run.name += "-renamed"


def give_parameters(_prefect: FakePrefect, run: Run) -> None:
    run.parameters = {"note": "another"}


def tag(_prefect: FakePrefect, run: Run) -> None:
    run.tags = [*run.tags, "another"]


def move_to_queue(_prefect: FakePrefect, run: Run) -> None:
    run.work_queue_name = "another"


def cancel(prefect: FakePrefect, run: Run) -> None:
    prefect.set_state(run, "CANCELLED", "Cancelled")


def crash(prefect: FakePrefect, run: Run) -> None:
    prefect.set_state(run, "CRASHED", "Crashed")


def call_completed(prefect: FakePrefect, run: Run) -> None:
    prefect.set_state(run, "COMPLETED", "Completed")


def call_run_and_completed(prefect: FakePrefect, run: Run) -> None:
    for kind in ("PENDING", "RUNNING", "COMPLETED"):
        prefect.set_state(run, kind, kind.title())


def execute_again(prefect: FakePrefect, run: Run) -> None:
    prefect.execute(run)
    prefect.end_execution(run)


def pick_up(prefect: FakePrefect, run: Run) -> None:
    prefect.set_state(run, "RUNNING", "Running")
    prefect.execute(run)


def pick_up_with_other_parameters(prefect: FakePrefect, run: Run) -> None:
    prefect.set_state(run, "RUNNING", "Running")
    prefect.execute(run, note="another")


def strand(_prefect: FakePrefect, run: Run) -> None:
    run.never_picked_up = True


def fail(_prefect: FakePrefect, run: Run) -> None:
    run.fails = True


STRIKES: Sequence[Strike] = (
    delete, recreate, reinsert, rename, give_parameters, tag, move_to_queue, cancel, crash, call_completed,
    call_run_and_completed, execute_again, pick_up, pick_up_with_other_parameters, strand, fail,
)  # fmt: skip


def lie_gone(prefect: FakePrefect, run: Run) -> None:
    """Look-ups say that it is gone."""
    prefect.refuse(f"{LOOK_UP}{run.id}$", 404, fake_api.GONE)


def lie_gone_twice(prefect: FakePrefect, run: Run) -> None:
    """The next two look-ups say so."""
    prefect.refuse(f"{LOOK_UP}{run.id}$", 404, fake_api.GONE, times=2)


def lie_there(prefect: FakePrefect, run: Run) -> None:
    """Look-ups are answered from a cache from now on."""
    prefect.refuse(f"{LOOK_UP}{run.id}$", 200, fake_api._run_json(run))


def lie_wrong_route(prefect: FakePrefect, run: Run) -> None:
    """Look-ups end at another route."""
    prefect.refuse(f"{LOOK_UP}{run.id}$", 404, fake_api.WRONG_ROUTE)


def hide(prefect: FakePrefect, run: Run) -> None:
    """No listing has it any more."""
    prefect.hidden.add(run.id)


def hide_states(prefect: FakePrefect, run: Run) -> None:
    """It has no states any more."""
    prefect.refuse(f"^GET /flow_run_states/.*{run.id}", 200, [])


def break_down(prefect: FakePrefect, run: Run) -> None:
    """The next look-up is an error of the server's."""
    prefect.refuse(f"{LOOK_UP}{run.id}$", 500, {"exception_message": "Internal Server Error"}, times=1)


def stop_marking(prefect: FakePrefect, _run: Run) -> None:
    """No flow leaves marks any more."""
    prefect.leaves_marks = False


LIES: Sequence[Strike] = (
    lie_gone, lie_gone_twice, lie_there, lie_wrong_route, hide, hide_states, break_down, stop_marking,
)  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """One thing that happens: what, to which runs of which deployment, at which moment of which door's.

    of      0 or 1: the treated deployment of the first or the second door; 2: the twin
    which   the first run it happens to, of those that there are then, and `many`: how many
    door    whose moment it is: 0 or 1
    """

    strike: Strike
    of: int
    which: int
    many: int
    moment: str
    door: int

    def __repr__(self) -> str:
        return f"{self.strike.__name__} of={self.of} {self.which}+{self.many} {self.moment!r} door={self.door}"


@dataclass(frozen=True)
class World:
    """A scenario, one or two doors, and what happens."""

    scenario: str
    doors: tuple[str, ...]
    deeds: tuple[Deed, ...]


deeds = st.builds(
    Deed,
    strike=st.sampled_from([*STRIKES, *LIES]),
    of=st.sampled_from([0, 0, 0, 1, 2]),
    which=st.integers(0, 2),
    many=st.integers(1, 4),
    moment=st.sampled_from(MOMENTS),
    door=st.sampled_from([0, 0, 1]),
)


def worlds_of(scenarios: Sequence[str]) -> st.SearchStrategy[World]:
    """Worlds of these scenarios."""
    return st.builds(
        World,
        scenario=st.sampled_from(scenarios),
        doors=st.lists(st.sampled_from(OPENED), min_size=1, max_size=2, unique=True).map(tuple),
        deeds=st.lists(deeds, min_size=0, max_size=3).map(tuple),
    )


@dataclass(frozen=True)
class Told:
    """What was said of one trial of a world, and what of it would have been true."""

    door: str
    outcome: str
    reason: str
    survived: bool
    lost: bool
    broken: frozenset[str] = frozenset()  # the promises that were said to be broken
    truly_broken: frozenset[str] = frozenset()

    @property
    def false(self) -> str:
        """`false survived`, `false lost`, `false broken`, or nothing."""
        for outcome, true in (("survived", self.survived), ("lost", self.lost)):
            if self.outcome == outcome and not true:
                return f"false {outcome}"
        return "false broken" if self.broken - self.truly_broken else ""


def carry_out(world: World, folder: Path) -> list[Told]:
    """Carry a world out on a fake Prefect; what was said of each trial, with the truth beside it."""
    with pytest.MonkeyPatch.context() as patch:
        lab = FakeLab(folder, fake_ground(patch))
        prefect = lab.prefect
        names = [f"{world.scenario}--{door}" for door in world.doors]
        twin, state = f"{world.scenario}--twin", load_scenarios()[world.scenario].state
        family = f"{load_scenarios()[world.scenario].flows}-treated"
        truths = {name: Truth(prefect, name, twin, state) for name in names}

        def strike(moment: str, door: int) -> None:
            with prefect.lock:
                for deed in world.deeds:
                    if (deed.moment, deed.door % len(names)) == (moment, door):
                        of = twin if deed.of == 2 else names[deed.of % len(names)]
                        runs = [run for run in prefect.runs.values() if run.deployment.name == of]
                        runs = [run for run in runs if run.state_type == "SCHEDULED" or moment == MOMENTS[-1]]
                        for run in sorted(runs, key=lambda run: run.expected)[deed.which :][: deed.many]:
                            deed.strike(prefect, run)

        def once_updated(number: int, struck: list[int]) -> None:
            if number not in struck:
                struck.append(number)
                strike(MOMENTS[1], number)

        def opening(
            original: Callable[[Treated, str], CommandResult], number: int, treated: Treated, nonce: str
        ) -> CommandResult:
            struck: list[int] = []
            with prefect.lock:
                truths[names[number]].door_opens()
            strike(MOMENTS[0], number)
            prefect.on(family, UPDATED, partial(once_updated, number, struck))
            result = original(treated, nonce)
            once_updated(number, struck)  # of a door that updates nothing
            strike(MOMENTS[2], number)
            with prefect.lock:
                truths[names[number]].door_is_shut(truths)
            prefect.on_request(LOOK_UP, 2, partial(strike, MOMENTS[3], number))
            return result

        opened: dict[str, Door] = {
            name: replace(DOORS[name], open=partial(opening, DOORS[name].open, number))
            for number, name in enumerate(world.doors)
        }
        patch.setattr(phases, "load_doors", lambda: {**DOORS, **opened})

        def lifted() -> None:
            for number in range(len(names)):
                strike(MOMENTS[4], number)
                prefect.on_request(LOOK_UP, 2 + number, partial(strike, MOMENTS[5], number))

        prefect.on(f"worker-{world.scenario}", LIFTED, lifted)
        entries = lab.trials(world.scenario, doors=list(world.doors))
    return [
        Told(
            entry.door,
            entry.outcome or "",
            entry.reason,
            truth.survived(MINIMUM),
            truth.lost(),
            frozenset(broken_promises(entry)),
            frozenset(truth.broken()),
        )
        for entry, truth in zip(entries, truths.values(), strict=True)
    ]


def _count(number: int, which: int) -> tuple[Counter[str], list[str]]:
    """So many worlds, drawn by the seed `which`: what was said of their trials, and the worlds with a false verdict."""
    counted: Counter[str] = Counter()
    false: list[str] = []

    @seed(which)
    @settings(
        max_examples=number, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(worlds_of(SCENARIOS))
    def look(world: World) -> None:
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            for told in carry_out(world, Path(folder) / "lab"):
                counted[told.outcome] += 1
                if told.false:
                    counted[told.false] += 1
                    said = sorted(told.broken - told.truly_broken)
                    false.append(f"{told.false} {said} ({told.door}: {told.reason}): {world}")
                counted.update(f"promise {name} broken" for name in told.broken)

    look()
    return counted, false


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, and print what was false; returns 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    parts = 4 * (os.cpu_count() or 1)
    counted: Counter[str] = Counter()
    false: list[str] = []
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(_count, -(-options.worlds // parts), options.seed * parts + part) for part in range(parts)]
        for job in jobs:
            found, wrong = job.result()
            counted += found
            false += wrong
            print(f"{sum(n for name, n in counted.items() if ' ' not in name)} trials", file=sys.stderr, flush=True)
    for outcome, times in counted.most_common():
        print(f"{times:6} {outcome}")
    for name in ("false survived", "false lost", "false broken"):
        print(f"{counted[name]:6} {name}") if not counted[name] else None
    print(*false[:20], sep="\n")
    return 1 if false else 0


if __name__ == "__main__":
    sys.exit(main())
