"""One small REST client for Prefect servers of every version, 2.20 and up. The harness never imports prefect.

All routes that are called here are the same from 2.20 to 3.9. Answers are returned as the server gave them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from harness.lab.facts import read_of
from harness.lab.http import RETRIED, RETRIED_READS, new_client, words_of
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.errors import LabError, NoAnswerError

Json = Any
PAGE = 200  # the server's own default for PREFECT_API_DEFAULT_LIMIT
_CLOCK_TRIES, _AT_ONCE = 5, 0.5  # the server's clock is asked so often for an answer that takes less than 0.5 s
_AGAIN = 10  # pages without a new row: 200 runs that are made between two pages move the others by one
_LISTING = 10  # a listing of several pages may take so many times the patience for one answer


class PrefectAPI:
    """Speaks to one server at `url` (ending in /api). A context manager; use from several threads is fine.

    `patience` is how long, in seconds, a call is tried again while the server answers 503 or not at all. `check_alive`
    is called in between; it raises LabError if waiting is in vain.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = 30.0,
        timeout: float = 20.0,
        check_alive: Callable[[], None] = lambda: None,
        clock: Clock = HOST_CLOCK,
    ) -> None:
        self.url, self.patience = url, patience
        self._check_alive, self._clock = check_alive, clock
        self._client = new_client(url, timeout)

    def __enter__(self) -> PrefectAPI:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _send(self, method: str, path: str, body: Json = None) -> httpx.Response:
        """One call, tried again on 503 and on transport errors until `patience` runs out.

        Everything that is sent here may be sent twice: reads, upserts, a work pool (409 the second time), a probe run.
        """
        deadline = self._clock.monotonic() + self.patience
        read = method == "GET" or path.endswith("/filter")
        while True:
            try:
                answer = self._client.request(method, path, json=body)
            except httpx.TransportError as error:
                self._check_alive()
                if self._clock.monotonic() >= deadline:
                    raise NoAnswerError(f"{method} {path}: {words_of(error)}", source="server") from error
            else:
                retried = RETRIED_READS if read else RETRIED
                if answer.status_code not in retried or self._clock.monotonic() >= deadline:
                    return answer
            self._clock.sleep(0.3)

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """The JSON answer of a call that must succeed. Raises LabError, with the server's words, if it does not."""
        answer = self._send(method, path, body)
        if answer.is_error:
            raise _refused(method, path, answer)
        return answer.json() if answer.content else None

    def answer(self, path: str) -> tuple[int | None, Json]:
        """Status and body of a GET, whatever they are. If no answer came: None, and the error as text."""
        try:
            answer = self._send("GET", path)
        except LabError as error:
            return None, error.reason
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text[:300]

    def send_once(self, method: str, path: str, body: Json = None) -> tuple[int, str]:
        """Status and text of a call that changes something, whatever they are. Only after a 503 it is sent again.

        (With a 503 the server has done nothing.) Raises: LabError if no answer comes.
        """
        deadline = self._clock.monotonic() + self.patience
        while True:
            try:
                # A kept connection may be closed by the server, idle for 5 s, just as this is written to it.
                with new_client(self.url, self.patience) as fresh:
                    answer = fresh.request(method, path, json=body)
            except httpx.TransportError as error:
                raise LabError(f"{method} {path}: {words_of(error)}", source="server") from error
            if answer.status_code not in RETRIED or self._clock.monotonic() >= deadline:
                return answer.status_code, answer.text
            self._clock.sleep(0.3)

    def now(self) -> str:
        """The server's own clock (UTC, ISO 8601), rounded up to a whole second: the Date of an answer is cut off."""
        return (self._date() + timedelta(seconds=1)).isoformat()

    def clock(self) -> Json:
        """The server's clock (`server`, cut to a second) beside this host's monotonic one (`asked`, `answered`)."""
        for _ in range(_CLOCK_TRIES):  # a server that stood still answers with the Date from before that
            asked = self._clock.monotonic()
            server = self._date().isoformat()
            answered = self._clock.monotonic()
            if answered - asked < _AT_ONCE:
                break
        return {"server": server, "asked": round(asked, 3), "answered": round(answered, 3)}

    def _date(self) -> datetime:
        date = self._send("GET", "/health").headers.get("date", "")
        try:
            return parsedate_to_datetime(date)
        except ValueError as error:
            raise LabError(f"the server's answer has no date: {date!r}", source="server") from error

    def healthy(self) -> bool:
        """Whether it says that it is healthy, asked once."""
        try:
            return self._client.get("/health", timeout=2.0).status_code == 200
        except httpx.TransportError:
            return False

    def version(self) -> str:
        """The version the server says it is."""
        return str(self.call("GET", "/admin/version"))

    def create_work_pool(self, name: str, job_template: Json = None) -> None:
        """Create a process work pool; without a job template, its worker adds its own when it starts."""
        body = {"name": name, "type": "process", "base_job_template": job_template or {}}
        answer = self._send("POST", "/work_pools/", body)
        if answer.is_error and answer.status_code != 409:
            raise _refused("POST", "/work_pools/", answer)

    def work_pool(self, name: str) -> Json:
        """A work pool by its name."""
        return self.call("GET", f"/work_pools/{name}")

    def pool_and_queue(self, pool: str, queue: str) -> Json:
        """Whether a work pool and a queue of it are paused, and their limits; nothing of what is not there."""
        found: dict[str, Json] = {}
        for what, path in (("pool", f"/work_pools/{pool}"), ("queue", f"/work_pools/{pool}/queues/{queue}")):
            status, said = self.answer(path)
            if status == 200:
                found |= {f"{what}_paused": said.get("is_paused"), f"{what}_limit": said.get("concurrency_limit")}
        return found

    def has_work_pool(self, name: str) -> bool:
        """Whether there is such a work pool."""
        return self.answer(f"/work_pools/{name}")[0] != 404

    def move_to(self, url: str) -> None:
        """Speak to the same server under another URL (ending in /api) from now on."""
        self.url = url
        self._client.base_url = httpx.URL(url)

    def create_deployment(self, flow: str, name: str, *, work_pool: str, entrypoint: str, folder: str) -> str:
        """Create a deployment without a schedule whose flow lies in `folder` on the worker; returns its id."""
        flow_id = self.call("POST", "/flows/", {"name": flow})["id"]
        step = {"prefect.deployments.steps.set_working_directory": {"directory": folder}}
        facts = {
            "name": name,
            "flow_id": flow_id,
            "work_pool_name": work_pool,
            "entrypoint": entrypoint,
            "path": folder,
        }
        schema = {"title": "Parameters", "type": "object", "properties": {}}
        body = {**facts, "pull_steps": [step], "parameter_openapi_schema": schema}
        return str(self.call("POST", "/deployments/", body)["id"])

    def create_scheduled_deployment(self, name: str, due: datetime) -> str:
        """Create a deployment that no worker serves, whose schedule names one time (UTC); returns its id."""
        flow_id = self.call("POST", "/flows/", {"name": name})["id"]
        rule = f"DTSTART:{due:%Y%m%dT%H%M%S}\nRRULE:FREQ=DAILY;INTERVAL=1;COUNT=1"
        schedules = [{"schedule": {"rrule": rule, "timezone": "UTC"}, "active": True}]
        schema = {"title": "Parameters", "type": "object", "properties": {}}
        body = {"name": name, "flow_id": flow_id, "schedules": schedules, "parameter_openapi_schema": schema}
        return str(self.call("POST", "/deployments/", body)["id"])

    def deployment(self, flow: str, name: str) -> Json:
        """A deployment by its flow's name and its own."""
        return self.call("GET", f"/deployments/name/{flow}/{name}")

    def read_deployment(self, deployment_id: str) -> Json:
        """A deployment by id; only `id` and `deleted` if the server says that there is no such deployment."""
        status, body = self.answer(f"/deployments/{deployment_id}")
        if status == 404 and body == {"detail": "Deployment not found"}:
            return {"id": deployment_id, "deleted": True}
        return body if status == 200 else self.call("GET", f"/deployments/{deployment_id}")

    def create_flow_run(self, deployment_id: str, due: datetime | None = None) -> Json:
        """Start a run of a deployment as a person would: now, or at a time to come."""
        state: dict[str, Json] = {"type": "SCHEDULED", "name": "Scheduled"}
        if due:
            state["state_details"] = {"scheduled_time": due.isoformat()}
        return self.call("POST", f"/deployments/{deployment_id}/create_flow_run", {"state": state})

    def schedule_runs(self, deployment_id: str, start: datetime, end: datetime, number: int) -> None:
        """Have the server make this many runs of a deployment's schedules, at the most, for this time.

        It makes no more than 1,000 of a schedule at once (`MAX_ITERATIONS` in Prefect's server/schemas/schedules.py).
        """
        span = {"start_time": start.isoformat(), "end_time": end.isoformat()}
        self.call("POST", f"/deployments/{deployment_id}/schedule", {**span, "min_runs": number, "max_runs": number})

    def cancel_flow_run(self, run_id: str, message: str) -> None:
        """Give a run the state Cancelled, whatever state it is in."""
        state = {"type": "CANCELLED", "name": "Cancelled", "message": message}
        self.call("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})

    def flow_runs(
        self,
        *,
        deployments: Iterable[str] = (),
        ids: Iterable[str] = (),
        flows: Iterable[str] = (),
        until: datetime | None = None,
    ) -> list[Json]:
        """Every flow run of these deployments, of these ids, or of these flows, all pages, oldest tick first.

        Of each there is what the harness reads of it (`read_of`). `until`: only what is due until then.
        """
        chosen: dict[str, Json] = {}
        if wanted := list(deployments):
            chosen = {"deployments": {"id": {"any_": wanted}}}
        elif wanted := list(ids):
            parts = (wanted[start : start + PAGE - 1] for start in range(0, len(wanted), PAGE - 1))  # one page each
            found = (self._all_of({"flow_runs": {"id": {"any_": part}}}) for part in parts)
            return sorted((run for runs in found for run in runs), key=_when_due)
        elif wanted := list(flows):
            chosen = {"flows": {"id": {"any_": wanted}}}
        else:
            return []
        if until:
            chosen.setdefault("flow_runs", {})["expected_start_time"] = {"before_": until.isoformat()}
        return sorted(self._all_of(chosen), key=_when_due)

    def count_flow_runs(self, deployments: Iterable[str], state: Json, *, until: datetime | None = None) -> int:
        """How many runs of these deployments are in such a state (a filter of Prefect's), and due until then."""
        runs: dict[str, Json] = {"state": state}
        if until:
            runs["expected_start_time"] = {"before_": until.isoformat()}
        chosen = {"deployments": {"id": {"any_": list(deployments)}}, "flow_runs": runs}
        return int(self.call("POST", "/flow_runs/count", chosen))

    def _all_of(self, chosen: Json) -> list[Json]:
        """What is read of every run that is chosen, each once: pages are sets of ids.

        Rows that are made meanwhile move the others to later pages: ids grow (3.9.1), and the newest come first.
        Raises: LabError if the pages do not end, or several of them have no row that did not come before.
        """
        found: dict[str, Json] = {}
        path, again = "/flow_runs/filter", 0
        deadline = self._clock.monotonic() + _LISTING * self.patience
        for offset in itertools.count(step=PAGE):
            page = self.call("POST", path, {**chosen, "sort": "ID_DESC", "limit": PAGE, "offset": offset})
            before = len(found)
            found.update({row["id"]: read_of(row) for row in page if row["id"] not in found})
            if len(page) < PAGE:  # rule: listing-all-pages (always)
                break
            again = 0 if len(found) > before else again + 1
            if again > _AGAIN or self._clock.monotonic() > deadline:  # rule: listing-pages-end
                what = "holds nothing but what came before" if again else "is still not the last"
                raise LabError(f"POST {path}: the page from row {offset} on {what}", source="server")
        return list(found.values())

    def flow_run(self, run_id: str) -> tuple[int | None, Json]:
        """Status and body of the look-up of one run by its id, whatever they are."""
        return self.answer(f"/flow_runs/{run_id}")

    def states(self, run_id: str) -> list[Json]:
        """A run's own state history, oldest first; empty if the run is gone."""
        states = self.call("GET", f"/flow_run_states/?flow_run_id={run_id}")
        return sorted(states, key=lambda state: str(state["timestamp"]))


def _when_due(run: Json) -> str:
    return str(run.get("expected_start_time"))


def _refused(method: str, path: str, answer: httpx.Response) -> LabError:
    return LabError(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}", source="server")
