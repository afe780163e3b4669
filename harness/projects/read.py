"""Reads the deployments of a person's prefect.yaml, from the working tree or as a commit of git has it.

Nothing of the person's code is run: the file is parsed as YAML, and the flows' sources as Python syntax.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from harness.projects.signature import Parameter, read_signature
from harness.words.errors import UsageError

FILE = "prefect.yaml"
_LARGEST = 1 << 20  # bytes of a prefect.yaml or of a flow's source; more is neither
_GIT_SECONDS = 60
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# Keys of a deployment that are replaced: the harness fills in its own name, flow, description, place and pool.
_REPLACED = {"name", "description", "entrypoint", "flow_name", "work_pool", "pull"}
# Keys whose steps and events are not carried out: they would run a person's commands, or need a person's services.
_SKIPPED = {"build", "push", "triggers", "sla", "infra_overrides", "infrastructure", "storage", "path"}
_OF_THE_FILE = ("build", "push", "pull")
Values = Mapping[str, Any]  # what a person's YAML holds


class ProjectDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of a prefect.yaml.

    name, flow  its name, and the name of its flow
    parameters  of its flow, in order
    fields      its keys and values as the file has them, without those that the harness fills in or skips
    queue       the name of its work queue; None: the pool's default
    notes       what is not rehearsed of it and why, each one sentence without its full stop
    """

    name: str
    flow: str
    parameters: Sequence[Parameter]
    fields: Values
    queue: str | None = None
    notes: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Its name as Prefect writes it: flow/deployment."""
        return f"{self.flow}/{self.name}"


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments of one prefect.yaml.

    source    where it was read from, in words
    notes     what is not rehearsed of the file, each one sentence without its full stop
    """

    source: str
    deployments: Sequence[ProjectDeployment]
    notes: Sequence[str] = ()


def read_project(folder: Path, ref: str = "") -> Project:
    """The project in a folder; `ref` is a commit of its git repository, empty: the files as they lie there.

    Raises: UsageError where there is no such folder, commit, file or flow, and where the file is no prefect.yaml.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Give the one with your prefect.yaml: --project DIR.")
    source = f"{FILE} of {ref}" if ref else f"{FILE} as it lies there"
    found = _parsed(_text(folder, FILE, ref), source)
    listed = found.get("deployments")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise UsageError(f"{source} has no list `deployments:`. Give a project whose file declares its deployments.")
    notes = [f"the steps of `{key}:` of the whole file are not carried out" for key in _OF_THE_FILE if found.get(key)]
    deployments = [_deployment(folder, ref, each, source) for each in listed]
    keys = [each.key for each in deployments]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UsageError(f"{source} declares {twice[0]} twice. `prefect deploy` would deploy the one over the other.")
    return Project(source=source, deployments=deployments, notes=notes)


def _text(folder: Path, path: str, ref: str) -> str:
    """A file's text. Raises: UsageError."""
    if not ref:
        file = folder / path
        if not file.is_file():
            raise UsageError(f"There is no {path} in {folder}.")
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"{file} has more than {_LARGEST} bytes.")
        return file.read_text(encoding="utf-8", errors="replace")
    if ref.startswith("-"):
        raise UsageError(f"{ref!r} names no commit.")
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "show", f"{ref}:./{path}"],
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"git could not be asked for {path} of {ref}: {error}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"git has no {path} of {ref} in {folder}: {said[-1] if said else 'it said nothing'}")
    if len(done.stdout) > _LARGEST:
        raise UsageError(f"{path} of {ref} has more than {_LARGEST} bytes.")
    return done.stdout.decode(errors="replace")


def _parsed(text: str, source: str) -> Values:
    """Raises: UsageError for what is no YAML mapping."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"{source} is not YAML that can be read: {said}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{source} holds no mapping. See Prefect's documentation of prefect.yaml.")
    return found


def _deployment(folder: Path, ref: str, declared: Values, source: str) -> ProjectDeployment:
    name, entrypoint = declared.get("name"), declared.get("entrypoint")
    if not isinstance(name, str) or not name or _PLACEHOLDER.search(name):
        raise UsageError(f"{source} declares a deployment whose name cannot be rehearsed: {name!r:.80}.")
    if not isinstance(entrypoint, str) or not re.fullmatch(r"[^:]+\.py:[\w.]+", entrypoint):
        raise UsageError(
            f"{source}: the entrypoint of {name!r} is {entrypoint!r:.80}.\n"
            "Only path/to/file.py:function can be read without running it."
        )
    path, _, function = entrypoint.rpartition(":")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise UsageError(f"{source}: the entrypoint of {name!r} lies outside of the project: {path!r:.80}.")
    signature = read_signature(_text(folder, path, ref), function, f"{path} ({source})")
    pool = declared.get("work_pool")
    queue = pool.get("work_queue_name") if isinstance(pool, dict) else None
    notes = [f"`{key}:` is not carried out" for key in sorted(_SKIPPED | {"pull"}) if declared.get(key)]
    if isinstance(pool, dict) and pool.get("job_variables"):
        notes.append("the job variables of its work pool are left out: stubs run in a process pool")
    fields: dict[str, Any] = {}
    for key, value in declared.items():
        if key in _REPLACED or key in _SKIPPED:
            continue
        plain = _without_placeholders(value)
        if plain != value:
            if key in ("schedule", "schedules"):
                raise UsageError(
                    f"{source}: `{key}:` of {name!r} has a placeholder, whose value only your own deploy knows.\n"
                    "Write the schedule out in a copy of the project, and give that as --project."
                )
            notes.append(f"a placeholder in `{key}:` stands as text: its value is known to your own deploy alone")
        fields[key] = plain
    return ProjectDeployment(
        name=name,
        flow=signature.flow,
        parameters=signature.parameters,
        fields=fields,
        queue=queue if isinstance(queue, str) and not _PLACEHOLDER.search(queue) else None,
        notes=notes,
    )


def _without_placeholders(value: Any) -> Any:
    """A value whose texts have no `{{ … }}`: what stands between the braces stands there as text."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: found.group().strip("{} \n"), value)
    if isinstance(value, list):
        return [_without_placeholders(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_placeholders(each) for key, each in value.items()}
    return value
