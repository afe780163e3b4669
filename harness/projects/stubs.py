"""The files that rehearse a deployment: its part of prefect.yaml as a template, and a flow that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from harness.projects.read import ProjectDeployment
from harness.projects.signature import Parameter

_HEAD = '''"""Runs inside the subject. Stubs with the name and the parameters of a flow of the rehearsed project."""

from executions import execution as _execution
from prefect import flow


@flow(name="${FLOWS}-probe")
def probe():
    with _execution():
        pass
'''
_STUB = """

@flow(name="${{FLOWS}}-{side}")
def {side}({signature}):
    with _execution({received}):
        pass
"""


class _NoAliases(yaml.SafeDumper):
    """Writes a value again where it stands twice: each deployment's part has to stand for itself."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own signature
        return True


def flow_code(parameters: Sequence[Parameter]) -> str:
    """A flow.py whose flows have these parameters."""
    signature = ", ".join(f"{each.name}={each.default!r}" for each in parameters)
    received = ", ".join(f"{each.name}={each.name}" for each in parameters)
    return _HEAD + "".join(
        _STUB.format(side=side, signature=signature, received=received) for side in ("treated", "twin")
    )


def template(declared: ProjectDeployment) -> str:
    """A prefect.yaml whose one deployment is this, with the places that a staging fills in (trials/templates.py)."""
    pool = {"name": "${POOL}", "job_variables": "${JOB_VARIABLES}"} | (
        {"work_queue_name": _verbatim(declared.queue)} if declared.queue else {}
    )
    whole = {
        "name": "${NAME}",
        "description": "${DESCRIPTION}",
        "entrypoint": "flow.py:${FLOW}",
        "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": "${DIRECTORY}"}}],
        "work_pool": pool,
        **_verbatim(dict(declared.fields)),
    }
    text = yaml.dump([whole], Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=1 << 20)
    return 'name: "${FLOWS}"\ndeployments:\n' + "".join(f"  {line}\n" for line in text.splitlines())


def _verbatim(value: Any) -> Any:
    """A value in which a `$` is one that stands there, and no place to be filled in."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, list):
        return [_verbatim(each) for each in value]
    if isinstance(value, dict):
        return {_verbatim(key): _verbatim(each) for key, each in value.items()}
    return value
