"""Doors: what touches the treated deployment, and nothing else. A new door is one function and one line in DOORS.

A door is proven by a nonce that only it could have sent, or, where it sends none, by the server's own access log; its
exit code proves nothing. Routes are those of 2.20 to 3.9 (read in Prefect's source, server/api/deployments.py).
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.engines.base import CommandResult
from harness.history import now
from harness.words.errors import LabError, no_such
from harness.words.names import PREFECT_DEPLOY
from harness.words.places import ROOT
from harness.words.waiting import NotYet, wait_until

if TYPE_CHECKING:
    from harness.trials.scenario import Scenario
    from harness.trials.trial import Trial

Facts = dict[str, Any]
DEPLOYED, SERVED = "deployed to a work pool", "served by a process of their own"
FLOW_DEPLOY = ROOT / "scenarios" / "flow_deploy.py"
_SLUG = "staged"
_GRACE = 20.0  # seconds between SIGINT and SIGKILL
_FAR_AWAY = "DTSTART:20990101T000000\nRRULE:FREQ=DAILY;INTERVAL=1;COUNT=1"


@dataclass(frozen=True)
class Door:
    """A door by name.

    open      touches the treated deployment, and returns how that ended (an HTTP status of 2xx counts as exit code 0)
    proof     `nonce`: the treated deployment shows the nonce afterwards; `request`: the server's access log shows each
              of `requests` answered 2xx; `redeploy`: the same, or its schedules have new ids; `nothing`: treated and
              twin are unchanged (the null door)
    requests  patterns of what the access log must show, `{id}` being the treated deployment's
    changes   whether the treated deployment (facts before, facts now) shows what the door was to do, or what it was
              to be done to; it must, then
    restores  it changes the deployment's schedules, and has them as they were once it has ended; they must be, then
    versions  the releases that have this door, and why the others have not
    staged    what its treated deployment has from the start that others have not, by the template's value
    only_for  the kind of deployment it can be opened on, DEPLOYED or SERVED; empty: any
    server_settings what the server must be set to for it; then its trial has a lab of its own
    """

    name: str
    summary: str
    open: Callable[[Trial, str], CommandResult]
    proof: str = "nonce"
    requests: Sequence[str] = ()
    changes: Callable[[Facts, Facts], bool] | None = None
    restores: bool = False
    versions: str = ""
    versions_reason: str = ""
    staged: Mapping[str, str] = field(default_factory=dict)
    only_for: str = ""
    server_settings: Mapping[str, str] = field(default_factory=dict)

    def exists_in(self, version: str) -> bool:
        """Whether a release has this door at all."""
        return Version(Version(version).base_version) in SpecifierSet(self.versions)

    def misfit(self, scenario: Scenario) -> str:
        """Why it cannot be opened on a scenario's deployments, whatever the release; empty where it can."""
        if self.only_for in ("", SERVED if scenario.served_by else DEPLOYED):
            return ""
        return f"{self.name} is for deployments that are {self.only_for}; {scenario.name}'s are not"

    def shows(self, before: Facts, now: Facts, nonce: str) -> bool:
        """Whether a look at the treated deployment shows what the door did to it."""
        if self.proof == "nonce":
            return nonce in json.dumps(now) and nonce not in json.dumps(before)
        return self.changes is not None and self.changes(before, now)

    def effect(self, before: Facts, after: Facts) -> bool | None:
        """Whether the treated deployment shows what the door was to leave there; None where that is nothing to see."""
        if self.restores:
            return not _schedules_differ(before, after)
        return self.changes(before, after) if self.changes else None


# By Prefect's command line, on the deployer.


def _deploy(trial: Trial, **changed: str) -> CommandResult:
    trial.staging.write_deployments(trial.lab.deployer, [trial.name], **changed)
    return trial.lab.deploy(trial.staging.scenario, [trial.name])


def prefect_deploy(trial: Trial, nonce: str) -> CommandResult:
    """`prefect deploy`, the file changed in the description alone."""
    return _deploy(trial, DESCRIPTION=nonce)


def deploy_unchanged(trial: Trial, _nonce: str) -> CommandResult:
    """`prefect deploy` of the file as it was."""
    return _deploy(trial)


def deploy_parameters(trial: Trial, nonce: str) -> CommandResult:
    """`prefect deploy`, the file changed in the parameters alone."""
    return _deploy(trial, PARAMETERS=json.dumps({"note": nonce}))


def deploy_schedule(trial: Trial, nonce: str) -> CommandResult:
    """`prefect deploy`, the file changed in the schedule and, for the proof, in the description."""
    return _deploy(trial, DESCRIPTION=nonce, RRULE=_FAR_AWAY.replace("\n", "\\n"))


def deploy_moved(trial: Trial, nonce: str) -> CommandResult:
    """`prefect deploy`, the file changed in the work pool and, for the proof, in the description."""
    another = f"{trial.staging.scenario.name}-moved"
    trial.lab.api.create_work_pool(another)
    return _deploy(trial, DESCRIPTION=nonce, POOL=another)


def flow_deploy(trial: Trial, nonce: str) -> CommandResult:
    """`flow.deploy()` by Python, changed in the description alone."""
    staging = trial.staging
    staging.write_deployments(trial.lab.deployer, [trial.name], DESCRIPTION=nonce)
    folder = trial.lab.site.scenario_folder(staging.scenario.name)
    trial.lab.deployer.write(folder, {FLOW_DEPLOY.name: FLOW_DEPLOY.read_bytes()})
    return trial.lab.deployer.run_python(FLOW_DEPLOY.name, cwd=folder, seconds=trial.lab.deadlines.door)


def _schedule_command(*words: str) -> Callable[[Trial, str], CommandResult]:
    """`prefect deployment schedule`; `{deployment}` and `{schedule}` in the words are the treated one's."""

    def open_(trial: Trial, _nonce: str) -> CommandResult:
        names = {
            "deployment": f"{trial.staging.flow_of(trial.name)}/{trial.name}",
            "schedule": _schedules(trial)[0]["id"],
        }
        said = (word.format(**names) for word in words)
        return trial.lab.prefect(trial.staging.scenario, "deployment", "schedule", *said)

    return open_


def schedule_resume(trial: Trial, nonce: str) -> CommandResult:
    """`prefect deployment schedule pause`, and `resume` once it is paused: of one that is active it changes nothing."""
    paused = _schedule_command("pause", "{deployment}", "{schedule}")(trial, nonce)
    if paused.exit_code or any(schedule["active"] for schedule in _schedules(trial)):
        return CommandResult(paused.exit_code or 1, f"the schedule was not paused\n{paused.output}", paused.seconds)
    resumed = _schedule_command("resume", "{deployment}", "{schedule}")(trial, nonce)
    return CommandResult(resumed.exit_code, paused.output + resumed.output, paused.seconds + resumed.seconds)


# By the API, as Prefect's UI and clients do.


def _request(method: str, path: str, body: Callable[[Trial, str], Any] | Any = None) -> Callable[..., CommandResult]:
    """One call; `{id}` and `{schedule}` in the path are the treated deployment's and its first schedule's."""

    def open_(trial: Trial, nonce: str) -> CommandResult:
        route = path.format(id=trial.treated["id"], schedule=_schedules(trial)[0]["id"] if "{schedule}" in path else "")
        started = time.monotonic()
        status, text = trial.lab.api.send_once(method, route, body(trial, nonce) if callable(body) else body)
        code = 0 if 200 <= status < 300 else status
        return CommandResult(code, f"{method} /api{route} answered {status} {text[:300]}", time.monotonic() - started)

    return open_


def _schedules(trial: Trial) -> list[Facts]:
    found = trial.lab.api.read_deployment(trial.treated["id"]).get("schedules") or []
    if not found:
        raise LabError("the treated deployment has no schedule")
    return list(found)


_UPSERTED = (
    "name", "flow_id", "version", "tags", "parameters", "entrypoint", "path", "pull_steps", "work_pool_name",
    "work_queue_name", "concurrency_limit", "job_variables", "infra_overrides", "paused", "parameter_openapi_schema",
    "enforce_parameter_schema",
)  # fmt: skip


def _upserted(trial: Trial, nonce: str) -> Facts:
    """The treated deployment as it is, but for its description."""
    there = trial.lab.api.read_deployment(trial.treated["id"])
    schedules = [{"active": s["active"], "schedule": s["schedule"]} for s in there["schedules"]]
    same = {key: there[key] for key in _UPSERTED if there.get(key) is not None}
    return {**same, "schedules": schedules, "description": nonce}


def serve_stop(trial: Trial, _nonce: str) -> CommandResult:
    """The process that serves the deployment is stopped; Prefect pauses the deployment on the way out.

    By Ctrl-C's signal: with a flow run in progress, SIGTERM makes it pause and then hang (3.3.3), or hang before it has
    paused anything (3.3.4). It is killed where it does not end.
    """
    started = time.monotonic()
    node = trial.lab.worker(trial.staging.scenario, trial.name)
    before = len(node.log())
    ended = "it ended" if node.stop(grace=_GRACE) else f"SIGKILL after {_GRACE:.0f} s"
    return CommandResult(0, f"SIGINT; {ended}\n{node.log()[before:]}", time.monotonic() - started)


def pause_by_automation(trial: Trial, nonce: str) -> CommandResult:
    """An automation is made whose action pauses the deployment, and the event that it waits for is sent.

    The server says by an event of its own when the action was done: that the deployment is paused shows before its runs
    are deleted (read in 3.0.8 to 3.9.1). Until then the event is sent again now and then, since a server may not know
    the automation yet when it comes. Then the automation is deleted.
    """
    started = time.monotonic()
    trigger = {"type": "event", "posture": "Reactive", "expect": [_EVENT], "match": {"prefect.resource.id": nonce}}
    action = {"type": "pause-deployment", "source": "selected", "deployment_id": trial.treated["id"]}
    automation = {"name": nonce, "trigger": {**trigger, "threshold": 1, "within": 0}, "actions": [action]}
    done = _request("POST", "/automations/", automation)(trial, nonce)
    asked = itertools.count()

    def executed() -> str:
        nonlocal done
        if done.exit_code:
            return ""
        found = trial.lab.api.call("POST", "/events/filter", {"filter": {"event": {"name": [_EXECUTED]}}})["events"]
        by = [event["resource"] for event in found if event["resource"].get("prefect.resource.name") == nonce]
        if by:
            return str(by[0]["prefect.resource.id"]).removeprefix("prefect.automation.")
        if next(asked) % 10 == 0:
            event = {"id": str(uuid.uuid4()), "occurred": now(), "event": _EVENT}
            done = _request("POST", "/events", [{**event, "resource": {"prefect.resource.id": nonce}}])(trial, nonce)
        raise NotYet(f"the event was sent, and there is no {_EXECUTED}")

    made = wait_until("the automation's action", executed, seconds=trial.lab.deadlines.door, every=1.0)
    if made:
        done = _request("DELETE", f"/automations/{made}")(trial, nonce)
    return CommandResult(done.exit_code, done.output, time.monotonic() - started)


_EXECUTED = "prefect.automation.action.executed"
_EVENT = "survival.door"
_ANOTHER_RULE = {"rrule": _FAR_AWAY, "timezone": "UTC"}
_ANOTHER_SCHEDULE = [{"active": True, "schedule": _ANOTHER_RULE}]


def patch_twice(trial: Trial, nonce: str) -> CommandResult:
    """Two updates, one right after the other; the second says what the first did not."""
    first = _request("PATCH", "/deployments/{id}", {"description": "the first of two"})(trial, nonce)
    second = _request("PATCH", "/deployments/{id}", {"description": nonce})(trial, nonce)
    code, said = first.exit_code or second.exit_code, f"{first.output}\n{second.output}"
    return CommandResult(code, said, first.seconds + second.seconds)


def delete_sibling(trial: Trial, nonce: str) -> CommandResult:
    """Another schedule is added, and deleted again; that whose runs are at risk stays."""
    before = {schedule["id"] for schedule in _schedules(trial)}
    added = _request("POST", "/deployments/{id}/schedules", _ANOTHER_SCHEDULE)(trial, nonce)
    sibling = next((schedule["id"] for schedule in _schedules(trial) if schedule["id"] not in before), None)
    if added.exit_code or sibling is None:
        return added if added.exit_code else CommandResult(1, "the added schedule is not there", added.seconds)
    return _request("DELETE", f"/deployments/{{id}}/schedules/{sibling}")(trial, nonce)


def nothing(_trial: Trial, _nonce: str) -> CommandResult:
    """The null door: nothing is touched."""
    return CommandResult(0, "nothing was done", 0.0)


def _only(trial: Trial) -> Facts:
    return {"deployments": {"id": {"any_": [trial.treated["id"]]}}}


def _paused(before: Facts, now: Facts) -> bool:
    return bool(now.get("paused")) and not before.get("paused")


def _schedules_differ(before: Facts, now: Facts) -> bool:
    return bool(now.get("schedules") != before.get("schedules"))


def _moved(before: Facts, now: Facts) -> bool:
    return bool(now.get("work_pool_name") != before.get("work_pool_name"))


def _has_slug(facts: Facts) -> bool:
    return any(schedule.get("slug") == _SLUG for schedule in facts.get("schedules") or ())


def _deleted(_before: Facts, now: Facts) -> bool:
    return bool(now.get("deleted"))


_ONE = "PATCH /api/deployments/{id} "
_SCHEDULES = "/api/deployments/{id}/schedules"


def _on_schedules(name: str, summary: str, open_: Callable[[Trial, str], CommandResult], *requests: str) -> Door:
    """A door that changes the deployment's schedules, proven by these requests and by the change itself."""
    return Door(name, summary, open_, proof="request", requests=requests, changes=_schedules_differ)


_deploying = partial(Door, only_for=DEPLOYED)
_with_slug = partial(
    _deploying,
    staged={"SLUG": _SLUG},
    versions=">=3.2.0",
    versions_reason="a schedule has a slug from 3.2.0 on",
)

DOORS = {
    door.name: door
    for door in (
        _deploying(PREFECT_DEPLOY, "`prefect deploy`, with another description", prefect_deploy),
        _deploying(
            "deploy-unchanged",
            "`prefect deploy` of the file as it was",
            deploy_unchanged,
            proof="redeploy",
            requests=(_ONE,),
        ),
        _with_slug(
            "deploy-slug",
            "`prefect deploy` of a deployment whose schedule has a slug, with another description",
            prefect_deploy,
            changes=lambda before, now: all(_has_slug(facts) for facts in (before, now)),
        ),
        _deploying(
            "flow-deploy",
            "`flow.deploy()` from Python, with another description",
            flow_deploy,
            versions=">=3.0.0",
            versions_reason="`flow.deploy()` takes flows from a local folder from 3.0.0 on",
        ),
        _deploying("deploy-parameters", "`prefect deploy`, with other parameters", deploy_parameters),
        _deploying(
            "deploy-schedule", "`prefect deploy`, with another schedule", deploy_schedule, changes=_schedules_differ
        ),
        _with_slug(
            "deploy-schedule-slug",
            "`prefect deploy` of a deployment whose schedule has a slug, with another schedule of that slug",
            deploy_schedule,
            changes=lambda before, now: (
                all(_has_slug(facts) for facts in (before, now)) and _schedules_differ(before, now)
            ),
        ),
        _deploying("deploy-moved", "`prefect deploy`, moved to another work pool", deploy_moved, changes=_moved),
        Door(
            "upsert-deployment",
            "POST /deployments/, all as it was but for the description",
            _request("POST", "/deployments/", _upserted),
        ),
        Door(
            "patch-deployment",
            "PATCH /deployments/{id} of the description",
            _request("PATCH", "/deployments/{id}", lambda _trial, nonce: {"description": nonce}),
        ),
        Door("patch-twice", "PATCH /deployments/{id} of the description, twice within a second", patch_twice),
        Door(
            "pause-by-patch",
            "PATCH /deployments/{id} with `paused`",
            _request("PATCH", "/deployments/{id}", {"paused": True}),
            proof="request",
            requests=(_ONE,),
            changes=_paused,
        ),
        Door(
            "pause-deployment",
            "POST /deployments/{id}/pause_deployment",
            _request("POST", "/deployments/{id}/pause_deployment"),
            proof="request",
            requests=("POST /api/deployments/{id}/pause_deployment ",),
            changes=_paused,
        ),
        Door(
            "pause-by-automation",
            "an automation's action pauses the deployment when an event comes",
            pause_by_automation,
            proof="request",
            requests=("POST /api/automations/ ", "POST /api/events "),
            changes=_paused,
            versions=">=3.0.0",
            versions_reason="a server has automations of its own from 3.0.0 on",
            server_settings={
                "PREFECT_API_SERVICES_TRIGGERS_ENABLED": "true",
                "PREFECT_API_SERVICES_EVENT_PERSISTER_ENABLED": "true",
                "PREFECT_API_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
            },
        ),
        Door(
            "resume-deployment",
            "POST /deployments/{id}/resume_deployment",
            _request("POST", "/deployments/{id}/resume_deployment"),
            proof="request",
            requests=("POST /api/deployments/{id}/resume_deployment ",),
        ),
        _on_schedules(
            "deactivate-schedule",
            "PATCH of the schedule with `active: false`",
            _request("PATCH", "/deployments/{id}/schedules/{schedule}", {"active": False}),
            f"PATCH {_SCHEDULES}/",
        ),
        _on_schedules(
            "change-schedule",
            "PATCH of the schedule with another rule",
            _request("PATCH", "/deployments/{id}/schedules/{schedule}", {"schedule": _ANOTHER_RULE}),
            f"PATCH {_SCHEDULES}/",
        ),
        _on_schedules(
            "add-schedule",
            "POST of another schedule, its one tick far away",
            _request("POST", "/deployments/{id}/schedules", _ANOTHER_SCHEDULE),
            f"POST {_SCHEDULES} ",
        ),
        _on_schedules(
            "delete-schedule",
            "DELETE of the schedule whose runs are at risk",
            _request("DELETE", "/deployments/{id}/schedules/{schedule}"),
            f"DELETE {_SCHEDULES}/",
        ),
        Door(
            "delete-sibling",
            "DELETE of a schedule that had been added just before",
            delete_sibling,
            proof="request",
            requests=(f"POST {_SCHEDULES} ", f"DELETE {_SCHEDULES}/"),
            restores=True,
        ),
        _on_schedules(
            "schedule-pause",
            "`prefect deployment schedule pause`",
            _schedule_command("pause", "{deployment}", "{schedule}"),
            f"PATCH {_SCHEDULES}/",
        ),
        Door(
            "schedule-resume",
            "`prefect deployment schedule pause`, then `resume`",
            schedule_resume,
            proof="request",
            requests=(f"PATCH {_SCHEDULES}/",),
            restores=True,
        ),
        _on_schedules(
            "schedule-delete",
            "`prefect deployment schedule delete`",
            _schedule_command("delete", "--accept-yes", "{deployment}", "{schedule}"),
            f"DELETE {_SCHEDULES}/",
        ),
        _on_schedules(
            "schedule-replace",
            "`prefect deployment schedule create --replace`",
            _schedule_command("create", "--replace", "--accept-yes", "--rrule", _FAR_AWAY, "{deployment}"),
            f"DELETE {_SCHEDULES}/",
            f"POST {_SCHEDULES} ",
        ),
        _on_schedules(
            "schedule-clear",
            "`prefect deployment schedule clear`",
            _schedule_command("clear", "--accept-yes", "{deployment}"),
            f"DELETE {_SCHEDULES}/",
        ),
        Door(
            "delete-deployment",
            "DELETE /deployments/{id}",
            _request("DELETE", "/deployments/{id}"),
            proof="request",
            requests=("DELETE /api/deployments/{id} ",),
            changes=_deleted,
        ),
        Door(
            "bulk-delete",
            "POST /deployments/bulk_delete of the one deployment",
            _request("POST", "/deployments/bulk_delete", lambda trial, _: _only(trial)),
            proof="request",
            requests=("POST /api/deployments/bulk_delete ",),
            changes=_deleted,
            versions=">=3.6.16",
            versions_reason="deployments can be deleted in bulk from 3.6.16 on",
        ),
        Door(
            "serve-stop",
            "the process in which `flow.serve()` serves the deployment is stopped (SIGINT)",
            serve_stop,
            proof="request",
            requests=(_ONE,),
            changes=_paused,
            only_for=SERVED,
        ),
        Door("none", "nothing at all: the null door", nothing, proof="nothing"),
    )
}


def select_doors(names: Sequence[str]) -> list[Door]:
    """The doors named. Raises UsageError for a name that is not there."""
    for name in names:
        if name not in DOORS:
            raise no_such("door", name, DOORS)
    return [DOORS[name] for name in dict.fromkeys(names)]
