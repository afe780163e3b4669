"""The files of a staging: its flow.py and prefect.yaml, filled in for its deployments, and what lies beside them.

In a scenario's prefect.yaml stand, as `${NAME}` and in Python's `string.Template`:

    FLOWS        what the names of the scenario's flows begin with (in flow.py, too)
    NAME, FLOW   the deployment's name, and the function in flow.py that it runs
    POOL, QUEUE  the work pool that it is of, and the queue of that pool; `null` is the default queue
    DIRECTORY    where its flow.py lies for whoever runs it
    SCHEDULES    its schedules, as lines of YAML that begin with their key; empty: no key
    CONCURRENCY_LIMIT  its limit on runs at a time, so too
    JOB_VARIABLES  the command that executes its runs, where that is not Prefect's engine; else `{}`
    DESCRIPTION, PARAMETERS  what doors change

What a deployment is staged with, and what a door changes, is text as it stands in the template, but for these:
SCHEDULES and CONCURRENCY_LIMIT are in words (words/schedule_words.py; of several schedules a line each), and SLUG is a
slug for the first schedule, whichever that is.
"""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterable, Mapping
from datetime import datetime

from harness.trials.scenario import Scenario
from harness.words.errors import LabError
from harness.words.schedule_words import parse_limit, parse_schedules

PREFECT_YAML = "prefect.yaml"
STAND_IN = "stand_in.py"  # executes a run in place of Prefect's engine and the flow
EXECUTIONS, MARKS = "executions.py", "executions.jsonl"  # beside the flow, and what it writes there
WAITING = "waiting"  # where the process of a run that waits before its flow begins writes the run's id
_NAMES = {
    "FLOWS", "NAME", "FLOW", "POOL", "DIRECTORY", "SCHEDULES", "CONCURRENCY_LIMIT", "DESCRIPTION", "PARAMETERS", "SLUG",
    "QUEUE", "JOB_VARIABLES",
}  # fmt: skip


def files_of(
    scenario: Scenario,
    deployments: Iterable[Mapping[str, str]],
    treated: str,
    flows: Mapping[str, str],
    template: str = PREFECT_YAML,
) -> dict[str, bytes]:
    """What lies where its flows are deployed and run, by name.

    `deployments` are the template's values of each; `treated` is the flow that is written once for each of `flows`,
    functions by flow name. `template`: the file of the scenario that becomes prefect.yaml.
    """
    beside = EXECUTIONS, scenario.served_by, scenario.stand_in and STAND_IN
    code = scenario.file("flow.py").read_text(encoding="utf-8").replace("${FLOWS}", scenario.flows)
    return {
        PREFECT_YAML: render(scenario.file(template).read_text(encoding="utf-8"), deployments).encode(),
        "flow.py": with_flows(code, treated, flows).encode(),
        **{name: scenario.file(name).read_bytes() for name in beside if name},
    }


def job_variables(scenario: Scenario, folder: str) -> str:
    """Those of a deployment whose flow.py lies in this folder for what runs it, as YAML."""
    command = {"command": f"python3 -IS {folder}/{STAND_IN}"} if scenario.stand_in else {}
    return json.dumps(command)  # up to 2.20 Prefect splits the command at each space


def as_in_the_file(told: Mapping[str, str], first: datetime, pinned: str) -> dict[str, str]:
    """A deployment's values as the template has them: the words of its schedules and its limit become lines of YAML.

    `first`, `pinned`: as in `Shape.definition`. Raises: LabError for a value that no template has; UsageError for words
    that name no schedule or no limit.
    """
    if unknown := told.keys() - _NAMES:
        raise LabError(f"a scenario's prefect.yaml has no value {', '.join(sorted(unknown))}")
    schedules, limit = parse_schedules(told["SCHEDULES"].splitlines()), parse_limit(told["CONCURRENCY_LIMIT"])
    if told["SLUG"]:
        schedules = schedules.with_slug(told["SLUG"])
    lines = schedules.as_yaml(first, pinned)
    return {**told, "SCHEDULES": lines, "CONCURRENCY_LIMIT": limit.as_yaml() if limit else ""}


def render(template: str, deployments: Iterable[Mapping[str, str]]) -> str:
    """A scenario's prefect.yaml: its one deployment, after the line `deployments:`, as often as there are values."""
    values = list(deployments)
    head, line, one = template.partition("\ndeployments:\n")
    if not line:
        raise LabError("the scenario's prefect.yaml has no line `deployments:`")
    blocks = [string.Template(one).substitute(value) for value in values]
    return string.Template(head).substitute(values[0]) + line + "".join(blocks)


def with_flows(code: str, flow: str, flows: Mapping[str, str]) -> str:
    """A flow.py in which the function of the flow `flow` stands as often as there are flows: functions by flow name.

    Raises: LabError where the code has no such function, declared by `@flow(name="...")` and nothing above it.
    """
    lines, declared = code.splitlines(keepends=True), f'@flow(name="{flow}"'
    for node in ast.parse(code).body:
        if not isinstance(node, ast.FunctionDef) or not node.decorator_list:
            continue
        if lines[node.decorator_list[0].lineno - 1].startswith(declared):
            one = "".join(lines[node.decorator_list[0].lineno - 1 : node.end_lineno])
            named = f"def {node.name}("
            each = (
                one.replace(declared, f'@flow(name="{name}"', 1).replace(named, f"def {function}(", 1)
                for name, function in flows.items()
            )
            return "\n\n".join([code, *each])
    raise LabError(f"the scenario's flow.py declares no flow {flow!r}")
