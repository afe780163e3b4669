"""The part of Prefect's REST API that a guard uses, over real HTTP on loopback, with answers that can be replaced."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.fake_api import serving

Json = Any
NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=timezone.utc)
FLOW, DEPLOYMENT, SCHEDULE = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
CREATE = {
    "state", "name", "parameters", "enforce_parameter_schema", "tags", "idempotency_key", "work_queue_name",
    "job_variables", "labels",
}  # fmt: skip


@dataclass
class Server:
    """A server in memory. `instead` may answer a request before it: gives status and body, or raises to break off."""

    version: str = "3.3.3"
    runs: dict[str, Json] = field(default_factory=dict)
    deployments: dict[str, Json] = field(default_factory=dict)
    page: int = 200
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    created: list[Json] = field(default_factory=list)
    instead: Callable[[str, Json], tuple[int, Json] | None] = lambda request, body: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.deploy(DEPLOYMENT, "nightly", [SCHEDULE])

    def deploy(self, known: str, name: str, schedules: list[str]) -> None:
        """A deployment with these schedules."""
        self.deployments[known] = {
            "id": known, "name": name, "flow_id": FLOW, "work_pool_name": "pool", "work_queue_name": "default",
            "parameters": {}, "tags": [], "schedules": [{"id": one, "active": True} for one in schedules],
        }  # fmt: skip

    def add(self, number: int, state: str = "Late", *, ahead: float = -60.0, **changed: Json) -> str:
        """A waiting run of the deployment's schedule; returns its id, which grows with the number."""
        known = str(uuid.UUID(int=1000 + number))
        tick = (NOW + timedelta(seconds=ahead)).isoformat()
        run = {
            "id": known, "name": f"run-{number}", "deployment_id": DEPLOYMENT, "flow_id": FLOW,
            "parameters": {"day": number}, "tags": ["auto-scheduled", "etl"], "work_pool_name": "pool",
            "work_queue_name": "default", "job_variables": {}, "labels": {"prefect.flow.id": FLOW, "team": "data"},
            "expected_start_time": tick, "state_type": "SCHEDULED", "state_name": state, "auto_scheduled": True,
            "idempotency_key": f"scheduled {DEPLOYMENT} {SCHEDULE} {tick}", "run_count": 0,
            "created_by": {"type": "SCHEDULE", "id": SCHEDULE, "display_value": "CronSchedule"},
        }  # fmt: skip
        self.runs[known] = {**run, **changed}
        return known

    def answer(self, request: str, body: Json) -> tuple[int, Json]:
        """Status and body of a request, `METHOD /path` below /api."""
        with self.lock:
            self.asked.append(request)
            if replaced := self.instead(request, body):
                return replaced
            return self._route(request, body)

    def _route(self, request: str, body: Json) -> tuple[int, Json]:
        match request.replace(" /", "/").split("/"):
            case ["GET", "health"]:
                return 200, True
            case ["GET", "admin", "version"]:
                return 200, self.version
            case ["POST", "flows", "filter"]:
                return 200, [{"id": FLOW, "name": "flow"}][body["offset"] :]
            case ["POST", "deployments", "filter"]:
                ((by, chosen),) = body.get("deployments", {"id": {"any_": self.deployments}}).items()
                found = [one for one in self.deployments.values() if one[by] in chosen["any_"]]
                return 200, found[body["offset"] :]
            case ["POST", "flow_runs", "filter"]:
                if body.get("limit", 0) > self.page:
                    return 422, {"detail": f"Invalid limit: must be less than or equal to {self.page}."}
                runs = sorted((run for run in self.runs.values() if _chosen(run, body)), key=_id, reverse=True)
                return 200, runs[body["offset"] : body["offset"] + self.page]
            case ["GET", "flow_runs", known]:
                return (200, self.runs[known]) if known in self.runs else (404, {"detail": "Flow run not found"})
            case ["POST", "deployments", known, "create_flow_run"] if known in self.deployments:
                return self._create(self.deployments[known], body)
        return 404, {"detail": "Not Found"}

    def _create(self, deployment: Json, body: Json) -> tuple[int, Json]:
        if unknown := body.keys() - (CREATE - (set() if self.version >= "3.2" else {"labels"})):
            return 422, {"detail": f"extra fields not permitted: {unknown}"}
        for run in self.runs.values():
            if run["idempotency_key"] == body["idempotency_key"]:
                return 200, run
        self.created.append(body)
        tick = body["state"]["state_details"]["scheduled_time"]
        known = self.add(5_000 + len(self.created), "Scheduled", **{
            "name": body["name"], "parameters": body["parameters"], "tags": body["tags"], "auto_scheduled": False,
            "idempotency_key": body["idempotency_key"], "expected_start_time": tick, "created_by": None,
            "deployment_id": deployment["id"], "labels": body.get("labels"),
        })  # fmt: skip
        return 201, self.runs[known]


def _id(run: Json) -> str:
    return str(run["id"])


def _chosen(run: Json, body: Json) -> bool:
    """Whether the filters of a request let a run through."""
    for by, only in body["flow_runs"].items():
        if by == "state":
            if run["state_type"] not in only["type"]["any_"]:
                return False
        elif by == "expected_start_time":
            if not only["after_"] <= run[by] <= only["before_"]:
                return False
        elif "is_null_" in only:
            if (run[by] is None) != only["is_null_"]:
                return False
        elif run[by] not in only["any_"]:
            return False
    return True


@contextmanager
def serve(server: Server) -> Iterator[str]:
    """Serve it on a free loopback port; gives the API's URL, ending in /api."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
            server.headers.append(dict(self.headers))
            status, said = server.answer(f"{self.command} {self.path.removeprefix('/api')}", body)
            if isinstance(said, Raw):
                self.wfile.write(said.sent)
                self.wfile.flush()
                said.then()
                self.close_connection = True
                return
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(NOW, usegmt=True)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with serving(Handler) as url:
        yield f"{url}/api"


@dataclass
class Raw:
    """Bytes that are sent as they are, and what is done before the connection closes."""

    sent: bytes
    then: Callable[[], object] = lambda: None
