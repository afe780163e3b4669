"""The part of Prefect's REST API that the harness uses, over real HTTP on loopback, answered from a fake Prefect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.fake_prefect import DELETED, Deployment, FakePrefect, Json, Run, Unanswered, stamp

PAGE_LIMIT = 200
GONE = {"detail": "Flow run not found"}
WRONG_ROUTE = {"detail": "Not Found"}


def answer(prefect: FakePrefect, method: str, path: str, body: Json) -> tuple[int, Json]:
    """Status and JSON of one request (`path` below /api). Raises Unanswered where none comes."""
    with prefect.lock:
        refused = prefect.admit(f"{method} {path}")
        return (refused.status, refused.body) if refused else _route(prefect, method, path, body)


def _route(prefect: FakePrefect, method: str, path: str, body: Json) -> tuple[int, Json]:  # noqa: PLR0912 - a case a route
    parts = path.partition("?")[0].strip("/").split("/")
    match method, parts:
        case "GET", ["health"] | ["admin", "version"]:
            return 200, True if parts == ["health"] else prefect.version
        case "POST", ["v2", "concurrency_limits", "increment" | "decrement"]:
            return 200, []
        case "POST", ["work_pools"]:
            return 201, {"name": body["name"]}
        case "GET" | "PATCH" | "DELETE", ["work_pools", pool, *rest] if prefect.is_deleted(pool, *rest):
            return 404, {"detail": "Not here"}
        case "GET", ["work_pools", pool, *rest]:
            said = {"name": pool, "base_job_template": {"job_configuration": {}}, "is_paused": False}
            return 200, {**said, "concurrency_limit": None, **prefect.pools.get("/".join([pool, *rest]), {})}
        case "DELETE", ["work_pools", pool, *rest]:
            prefect.delete_pool(pool, *rest)
            return 204, None
        case "PATCH", ["work_pools", pool, *rest]:
            prefect.pools.setdefault("/".join([pool, *rest]), {}).update(body)
            if "concurrency_limit" in body or "is_paused" in body:
                prefect.limits[pool] = 0 if body.get("is_paused") else body.get("concurrency_limit") or 1_000
            return 204, None
        case "POST", ["flows"]:
            return 201, {"id": body["name"], "name": body["name"]}
        case "POST", ["deployments"]:
            return _upsert(prefect, body)
        case "POST", ["deployments", "filter"]:
            return 200, [_deployment_json(prefect, one) for one in prefect.deployments.values()]
        case "POST", ["deployments", "bulk_delete"]:
            for known in body["deployments"]["id"]["any_"]:
                _change(prefect, prefect.deployments[known], ("DELETE", []), None)
            return 200, {"deleted": body["deployments"]["id"]["any_"]}
        case "POST" | "PATCH" | "DELETE", ["deployments", known, *rest] if known in prefect.deployments:
            return _change(prefect, prefect.deployments[known], (method, rest), body)
        case "GET", ["deployments", known] if known not in prefect.deployments:
            return 404, {"detail": "Deployment not found"}
        case "GET", ["deployments", "name", flow, name]:
            found = [d for d in prefect.deployments.values() if (d.flow, d.name) == (flow, name)]
            return (200, _deployment_json(prefect, found[0])) if found else (404, {"detail": "Deployment not found"})
        case "GET", ["deployments", known] if known in prefect.deployments:
            return 200, _deployment_json(prefect, prefect.deployments[known])
        case "POST", ["automations"]:
            prefect.automations.append(body)
            body["id"] = f"automation-{len(prefect.automations)}"
            return 201, body
        case "DELETE", ["automations", known]:
            prefect.automations = [each for each in prefect.automations if each["id"] != known]
            return 204, None
        case "POST", ["events", "filter"]:
            return 200, {"events": [e for e in prefect.events if e["event"] in body["filter"]["event"]["name"]]}
        case "POST", ["events"]:
            for event in body:
                _act(prefect, event)
            return 204, None
        case "POST", ["flow_runs", "filter"]:
            return _list(prefect, body)
        case "POST", ["flow_runs", "count"]:
            return 200, len(_chosen(prefect, body))
        case "POST", ["flow_runs", run_id, "set_state"] if run_id in prefect.runs:
            prefect.set_state(prefect.runs[run_id], body["state"]["type"], body["state"]["name"])
            return 201, {"status": "ACCEPT"}
        case "GET", ["flow_runs", run_id]:
            return (200, _run_json(prefect.runs[run_id])) if run_id in prefect.runs else (404, GONE)
        case "GET", ["flow_run_states"]:
            run_id = path.rpartition("flow_run_id=")[2]
            return 200, prefect.runs[run_id].states if run_id in prefect.runs else []
    return 404, WRONG_ROUTE


def _act(prefect: FakePrefect, event: Json) -> None:
    """What those automations do that wait for the event, and that the server knows by now."""
    prefect.events.append(event)
    for each in prefect.automations if prefect.triggers and len(prefect.events) > prefect.events_missed else ():
        if each["trigger"]["match"]["prefect.resource.id"] == event["resource"]["prefect.resource.id"]:
            for action in each["actions"]:
                _change(prefect, prefect.deployments[action["deployment_id"]], ("POST", ["pause_deployment"]), None)
            if prefect.says_executed:
                by = {"prefect.resource.id": f"prefect.automation.{each['id']}", "prefect.resource.name": each["name"]}
                prefect.events.append({"event": "prefect.automation.action.executed", "resource": by})


def _upsert(prefect: FakePrefect, body: Json) -> tuple[int, Json]:
    made = Deployment(body["flow_id"], body["name"], body.get("work_pool_name", ""), prefect.clock.now())
    made.rrule = next((each["schedule"].get("rrule", "") for each in body.get("schedules", ())), "")
    if there := prefect.find(made.flow, made.name):
        there.description = body["description"]
        prefect.update(there)
        return 200, _deployment_json(prefect, there)
    return 201, _deployment_json(prefect, prefect.deploy(made))


def _change(  # noqa: PLR0912 - a case a route
    prefect: FakePrefect, deployment: Deployment, request: tuple[str, list[str]], body: Json
) -> tuple[int, Json]:
    """What changes one deployment. A change of its schedules does not move its `updated` (measured on 3.3.4)."""
    updated = deployment.updated
    match request:
        case "POST", ["create_flow_run"]:
            said = body["state"].get("state_details", {}).get("scheduled_time")
            due = datetime.fromisoformat(said) if said else prefect.clock.now()
            return 201, _run_json(prefect.add_run(deployment, due, auto_scheduled=False))
        case "PATCH", []:
            for name, value in body.items():
                setattr(deployment, name, value)
        case "DELETE", []:
            del prefect.deployments[deployment.id]
            nowhere = replace(deployment, id="")
            for run in [run for run in prefect.runs.values() if run.deployment is deployment]:
                retried, held = run.state_name == "AwaitingRetry", ("AwaitingConcurrencySlot", "Pending", "Running")
                if prefect.leaves_orphans and (retried or run.state_name in held):
                    run.deployment, run.never_picked_up = nowhere, not retried  # its own process tries it again
                else:
                    del prefect.runs[run.id]
            prefect.happens(deployment.family, DELETED)
            return 204, None
        case "POST", ["pause_deployment"]:
            deployment.paused = True
        case "POST", ["resume_deployment"]:
            deployment.paused = False
        case "PATCH", ["schedules", known] if known == deployment.schedule_id:
            deployment.active = body.get("active", deployment.active)
            deployment.rrule = body.get("schedule", {}).get("rrule", deployment.rrule)
        case "DELETE", ["schedules", known] if known == deployment.schedule_id:
            deployment.rrule = ""
        case "DELETE", ["schedules", known]:
            deployment.others = [other for other in deployment.others if other["id"] != known]
        case "POST", ["schedules"]:
            deployment.others += [{**schedule, "id": f"other-{len(deployment.others)}"} for schedule in body]
        case _:
            return 404, WRONG_ROUTE
    prefect.update(deployment)
    if request[1][:1] == ["schedules"]:
        deployment.updated = updated
    return 200, None


def _list(prefect: FakePrefect, body: Json) -> tuple[int, Json]:
    if body["limit"] > PAGE_LIMIT:
        return 422, {"detail": f"limit: at most {PAGE_LIMIT}"}
    runs = sorted(_chosen(prefect, body), key=lambda run: run.id, reverse=True)
    return 200, [_run_json(run) for run in runs[body["offset"] : body["offset"] + body["limit"]]]


def _chosen(prefect: FakePrefect, body: Json) -> list[Run]:
    """The runs that the filters of a request let through."""
    runs = [run for run in prefect.runs.values() if run.id not in prefect.hidden]
    if "deployments" in body:
        wanted = set(body["deployments"]["id"]["any_"]) & set(prefect.deployments)  # none of one that is deleted
        runs = [run for run in runs if run.deployment.id in wanted]
    if "flows" in body:
        runs = [run for run in runs if run.flow in body["flows"]["id"]["any_"]]
    chosen = body.get("flow_runs", {})
    if "id" in chosen:
        runs = [run for run in runs if run.id in chosen["id"]["any_"]]
    if "expected_start_time" in chosen:
        until = datetime.fromisoformat(chosen["expected_start_time"]["before_"])
        runs = [run for run in runs if run.expected <= until]
    state = chosen.get("state", {})
    runs = [run for run in runs if run.state_type in state.get("type", {}).get("any_", [run.state_type])]
    return [run for run in runs if run.state_name in state.get("name", {}).get("any_", [run.state_name])]


def _deployment_json(prefect: FakePrefect, deployment: Deployment) -> Json:
    schedule: Json = {"rrule": deployment.rrule, "timezone": "UTC"}
    if deployment.every:
        anchor = stamp(deployment.since) if deployment.since else None
        schedule = {"interval": deployment.every, "anchor_date": anchor, "timezone": "UTC"}
    only = {"id": deployment.schedule_id, "active": deployment.active, "slug": deployment.slug, "schedule": schedule}
    schedules = [only]
    return {
        "id": deployment.id,
        "name": deployment.name,
        "description": deployment.description,
        "updated": stamp(deployment.updated) if prefect.says_updated else None,
        "paused": deployment.paused,
        "flow_id": deployment.flow,
        "parameters": deployment.parameters,
        "parameter_openapi_schema": {"type": "object", "properties": {"note": {"type": "string", "default": ""}}},
        "work_pool_name": deployment.pool or None,
        "work_queue_name": deployment.queue or None,
        "concurrency_limit": deployment.concurrency_limit,
        "concurrency_options": deployment.concurrency_options,
        "schedules": (schedules if deployment.rrule or deployment.every else []) + deployment.others,
    }


def _run_json(run: Run) -> Json:
    return {
        "id": run.id,
        "name": run.name,
        "flow_id": run.flow,
        "parameters": run.parameters,
        "job_variables": run.job_variables,
        "tags": run.tags,
        "idempotency_key": run.idempotency_key,
        "created": run.created and stamp(run.created),
        "deployment_id": run.deployment.id or None,
        "work_pool_name": run.work_pool_name or None,
        "work_queue_name": run.work_queue_name or None,
        "expected_start_time": stamp(run.expected),
        "next_scheduled_start_time": run.next_start and stamp(run.next_start),
        "state_type": run.state_type,
        "state_name": run.state_name,
        "state_id": run.states[-1]["id"],
        "state": run.states[-1],
        "start_time": run.start_time and stamp(run.start_time),
        "run_count": run.tries,
        "auto_scheduled": run.auto_scheduled,
    }


@contextmanager
def serve(prefect: FakePrefect) -> Iterator[str]:
    """Serve on a free loopback port; gives the API's URL, ending in /api."""
    with serving(_handler_of(prefect)) as url:
        yield f"{url}/api"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a free loopback port that answers by this handler; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(prefect: FakePrefect) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: two would wait 40 ms for each other (Nagle)
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
            try:
                status, said = answer(prefect, self.command, self.path.removeprefix("/api"), body)
            except Unanswered:
                self.close_connection = True
                return
            content = b"" if status == 204 else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server asks for

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(prefect.date(), usegmt=True)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            prefect.log.append(f'INFO:     127.0.0.1:1 - "{self.requestline}" {code}')

    return Handler
