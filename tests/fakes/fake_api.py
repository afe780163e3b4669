"""The part of Prefect's REST API that the harness uses, over real HTTP on loopback, answered from a fake Prefect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.fake_prefect import Deployment, FakePrefect, Json, Run, Unanswered, stamp

PAGE_LIMIT = 200
GONE = {"detail": "Flow run not found"}
WRONG_ROUTE = {"detail": "Not Found"}


def answer(prefect: FakePrefect, method: str, path: str, body: Json) -> tuple[int, Json]:
    """Status and JSON of one request (`path` below /api). Raises Unanswered where none comes."""
    with prefect.lock:
        refused = prefect.admit(f"{method} {path}")
        return (refused.status, refused.body) if refused else _route(prefect, method, path, body)


def _route(prefect: FakePrefect, method: str, path: str, body: Json) -> tuple[int, Json]:
    parts = path.partition("?")[0].strip("/").split("/")
    match method, parts:
        case "GET", ["health"]:
            return 200, True
        case "GET", ["admin", "version"]:
            return 200, prefect.version
        case "POST", ["work_pools"]:
            return 201, {"name": body["name"]}
        case "POST", ["flows"]:
            return 201, {"id": body["name"], "name": body["name"]}
        case "POST", ["deployments"]:
            made = Deployment(body["flow_id"], body["name"], body["work_pool_name"], prefect.clock.now())
            return 201, _deployment_json(prefect, prefect.deploy(made))
        case "GET", ["deployments", "name", flow, name]:
            found = [d for d in prefect.deployments.values() if (d.flow, d.name) == (flow, name)]
            return (200, _deployment_json(prefect, found[0])) if found else (404, {"detail": "Deployment not found"})
        case "GET", ["deployments", known] if known in prefect.deployments:
            return 200, _deployment_json(prefect, prefect.deployments[known])
        case "POST", ["deployments", known, "create_flow_run"] if known in prefect.deployments:
            run = prefect.add_run(prefect.deployments[known], prefect.clock.now(), auto_scheduled=False)
            return 201, _run_json(run)
        case "POST", ["flow_runs", "filter"]:
            return _list(prefect, body)
        case "GET", ["flow_runs", run_id]:
            return (200, _run_json(prefect.runs[run_id])) if run_id in prefect.runs else (404, GONE)
        case "GET", ["flow_run_states"]:
            run_id = path.rpartition("flow_run_id=")[2]
            return 200, prefect.runs[run_id].states if run_id in prefect.runs else []
    return 404, WRONG_ROUTE


def _list(prefect: FakePrefect, body: Json) -> tuple[int, Json]:
    if body["limit"] > PAGE_LIMIT:
        return 422, {"detail": f"limit: at most {PAGE_LIMIT}"}
    runs = list(prefect.runs.values())
    if "deployments" in body:
        runs = [run for run in runs if run.deployment.id in body["deployments"]["id"]["any_"]]
    if "flow_runs" in body:
        runs = [run for run in runs if run.id in body["flow_runs"]["id"]["any_"]]
    runs.sort(key=lambda run: run.id, reverse=True)
    return 200, [_run_json(run) for run in runs[body["offset"] : body["offset"] + body["limit"]]]


def _deployment_json(prefect: FakePrefect, deployment: Deployment) -> Json:
    schedule = {"rrule": deployment.rrule, "timezone": "UTC"}
    schedules = [{"id": deployment.schedule_id, "active": True, "schedule": schedule}]
    return {
        "id": deployment.id,
        "name": deployment.name,
        "description": deployment.description,
        "updated": stamp(deployment.updated) if prefect.says_updated else None,
        "paused": False,
        "work_pool_name": deployment.pool,
        "work_queue_name": "default",
        "concurrency_limit": deployment.concurrency_limit,
        "schedules": schedules if deployment.rrule else [],
    }


def _run_json(run: Run) -> Json:
    return {
        "id": run.id,
        "name": run.name,
        "deployment_id": run.deployment.id,
        "work_pool_name": run.work_pool_name,
        "work_queue_name": run.work_queue_name,
        "expected_start_time": stamp(run.expected),
        "next_scheduled_start_time": run.next_start and stamp(run.next_start),
        "state_type": run.state_type,
        "state_name": run.state_name,
        "state_id": run.states[-1]["id"],
        "state": run.states[-1],
        "start_time": run.start_time and stamp(run.start_time),
        "run_count": int(run.start_time is not None),
        "auto_scheduled": run.auto_scheduled,
    }


@contextmanager
def serve(prefect: FakePrefect) -> Iterator[str]:
    """Serve on a free loopback port; gives the API's URL, ending in /api."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(prefect))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
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
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            prefect.log.append(f'INFO:     127.0.0.1:1 - "{self.requestline}" {code}')

    return Handler
