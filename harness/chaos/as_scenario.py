"""A plan as a scenario folder: what a plan that was made small comes to where one fault, one move and one door suffice.

Pure: the texts of its files. A scenario has ticks of its own, a minute apart, so that as many are always at risk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.chaos.plans import KILLED, ChaosPlan, Hurt, MoveClock, OpenDoor, Wait
from harness.words.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TICKS = 3  # at risk on each side
_SCENARIO = '''"""A worker is killed, {minutes} minutes pass at once, {door} is opened: a plan of chaos."""

from datetime import timedelta

from harness.trials.backlog import deploy_backlog
from harness.trials.moving import move_clock
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging
from harness.words.names import WARP

PASSED = timedelta(minutes={minutes})


def stage(staging: Staging) -> None:
    deploy_backlog(staging, later=60)
    move_clock(staging, staging.last_tick + PASSED)


scenario = Scenario(
    summary="A worker is killed and {minutes} minutes pass at once; {ticks} scheduled runs turn Late.",
    state="Late",
    ticks={ticks},
    interval=60,
    minimum={ticks},
    backlog="overdue",
    fault="{fault}",
    clock=WARP,
    by_name=True,
    doors=("{door}", "none"),
    stage=stage,
    stage_text="Once the runs are there, the lab's clock goes {minutes} minutes past the last of them.",
)
'''
_README = """# {name}

A worker completes a run and is killed. Two deployments have {ticks} ticks, a minute apart. Once their runs are there,
the lab's clock goes {minutes} minutes past the last of them (`--clock warp`), and the runs turn Late. Then `{door}` is
opened on one of the deployments.

It was made from this plan of chaos:

```yaml
{plan}```

The plan has schedules of its own, and asks for fewer runs. What is at risk is the same: runs that are due and that no
worker takes.

`nox -s reproduce -- --subject 3.3.3 --subject 3.3.4 --scenario {name} --engine processes`
"""


def scenario_files(plan: ChaosPlan, name: str, text: str) -> Mapping[str, str]:
    """The files of the scenario of that name; `text` is the plan's own.

    Raises: UsageError for a name that none can have, and for a plan that a scenario cannot stage.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r:.60} is no name of a scenario. Name it as the others are: worker-outage.")
    steps = [step for step in plan.steps if not isinstance(step, Wait)]
    match steps:
        case [Hurt(fault=fault), *moves, OpenDoor(door=door)] if fault == KILLED and moves and plan.limit is None:
            minutes = sum(step.minutes for step in moves if isinstance(step, MoveClock))
            if all(isinstance(step, MoveClock) for step in moves):
                values = {"name": name, "minutes": minutes, "door": door, "fault": fault, "ticks": _TICKS}
                return {"scenario.py": _SCENARIO.format(**values), "README.md": _README.format(**values, plan=text)}
    has = [*map(str, steps), *([f"a limit of {plan.limit}"] if plan.limit is not None else [])]
    raise UsageError(
        f"A scenario stages {KILLED}, moves of the clock and one door after them, in this order; the plan has: "
        f"{'; '.join(has) or 'no step'}.\nMake it smaller before: --reduce."
    )
