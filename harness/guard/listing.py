"""What a live server says of its deployments and waiting runs: whole listings, and look-ups by id."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from harness.guard.client import Client
from harness.guard.runs import Run
from harness.words.errors import UsageError


class Row(Protocol):
    """What a listing has: each has an id."""

    @property
    def id(self) -> str:
        """It is one row's alone."""
        ...


RowT = TypeVar("RowT", bound=Row)
AT_ONCE = 100  # ids in one request
GONE = "Flow run not found"  # what the server says of an id that it does not know (server/api/flow_runs.py)
_AGAIN = 10  # pages without a new row, or that do not join on to the last: so many rows were made or deleted meanwhile
_BACK = 200  # rows: the server's own size of a page by default


class _Flow(msgspec.Struct, frozen=True):
    id: str
    name: str


class _Schedule(msgspec.Struct, frozen=True):
    id: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a deployment; `full_name` is FLOW/NAME."""

    id: str
    name: str
    flow_id: str
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    schedules: Sequence[_Schedule] = ()
    full_name: str = ""


def version_of(client: Client) -> str:
    """The release that the server says it is. Raises: NoWordError."""
    said = client.get("/admin/version")
    try:
        return str(Version(said if isinstance(said, str) else ""))
    except InvalidVersion:
        raise client.unexpected("GET /admin/version", "no version") from None


def clock_of(client: Client) -> datetime:
    """The server's own clock, rounded up to a whole second: the `Date` of an answer is cut off. Raises: NoWordError."""
    date = client.ask("GET", "/health").date
    try:
        found = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        raise client.unexpected("GET /health", f"no Date, but {date[:40]!r}") from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)) + timedelta(seconds=1)


def rows(client: Client, path: str, chosen: Mapping[str, Any], kind: type[RowT], sort: str) -> Iterator[RowT]:
    """Every row that is chosen, each once, as its page comes.

    Rows that are made or deleted meanwhile move the others between two pages. So each page begins with the last row of
    the one before; one that does not, goes back. No limit is asked for: a server may allow less than another. A server
    that allows fewer than two rows a page refuses to give two.
    Raises: NoWordError for another shape, and for pages that do not end.
    """
    seen: set[str] = set()
    offset = idle = 0
    while True:
        body = {**chosen, "sort": sort, "offset": offset}
        page = _page(client, path, body, kind)
        if not seen and len(page) <= 1:  # rule: guard-pages-of-two
            page = _page(client, path, {**body, "limit": 2}, kind)
        joins = not offset or any(row.id in seen for row in page[:1])
        new = [row for row in page if row.id not in seen]
        seen.update(row.id for row in new)
        yield from new
        if joins and not new and len(page) <= 1:
            return
        idle = 0 if joins and new else idle + 1
        if idle > _AGAIN:  # rule: guard-listing-ends
            what = f"{len(seen)} rows came, and page after page brings none that is new, or hangs together with them"
            raise client.unexpected(f"POST {path}", what)
        # rule: guard-listing-joins (always)
        offset = offset + len(page) - 1 if joins else max(0, offset - _BACK)


def _page(client: Client, path: str, body: Mapping[str, Any], kind: type[RowT]) -> list[RowT]:
    try:
        return msgspec.convert(client.read(path, body), list[kind])  # type: ignore[valid-type]
    except (msgspec.ValidationError, ValueError) as error:
        raise client.unexpected(f"POST {path}", str(error)[:160]) from None


def waiting(client: Client, deployments: Iterable[str] = ()) -> Iterator[Run]:
    """Every run of a deployment (of these; none: of any) that is in a state of the type SCHEDULED."""
    of: dict[str, Any] = {"any_": list(deployments)} if deployments else {"is_null_": False}
    chosen = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "deployment_id": of}}
    yield from rows(client, "/flow_runs/filter", chosen, Run, "ID_DESC")


def runs_by_id(client: Client, ids: Iterable[str]) -> Iterator[Run]:
    """Those runs of these ids that a listing has."""
    yield from _in_parts(client, "id", ids)


def runs_by_key(client: Client, keys: Iterable[str]) -> Iterator[Run]:
    """Those runs that have one of these idempotency keys."""
    yield from _in_parts(client, "idempotency_key", keys)


def _in_parts(client: Client, by: str, values: Iterable[str]) -> Iterator[Run]:
    for part in _parts(values):
        yield from rows(client, "/flow_runs/filter", {"flow_runs": {by: {"any_": part}}}, Run, "ID_DESC")


def runs_at(client: Client, deployment: str, first: datetime, last: datetime) -> Iterator[Run]:
    """The runs of a deployment, in whatever state, whose ticks lie between these two, both included."""
    span = {"after_": first.isoformat(), "before_": last.isoformat()}
    chosen = {"flow_runs": {"deployment_id": {"any_": [deployment]}, "expected_start_time": span}}
    yield from rows(client, "/flow_runs/filter", chosen, Run, "ID_DESC")


def is_gone(client: Client, run: str) -> bool:
    """Whether the server says of this id that there is no such run: a 404 of anything else is no word."""
    answer = client.ask("GET", f"/flow_runs/{run}", accept=(404,))
    if answer.status == 404:
        # rule: guard-gone-by-prefects-word (always)
        if isinstance(answer.said, dict) and answer.said.get("detail") == GONE:
            return True
        raise client.unexpected(f"GET /flow_runs/{run}", "404 without Prefect's own words")
    if not isinstance(answer.said, dict) or answer.said.get("id") != run:
        raise client.unexpected(f"GET /flow_runs/{run}", "another run, or none")
    return False


def deployments_by_id(client: Client, ids: Iterable[str]) -> dict[str, Deployment]:
    """Those deployments of these ids that there are, by id, with the names of their flows."""
    found = [
        one
        for part in _parts(ids)
        for one in rows(client, "/deployments/filter", {"deployments": {"id": {"any_": part}}}, Deployment, "NAME_ASC")
    ]
    return {one.id: one for one in _named(client, found)}


def deployments_named(client: Client, names: Iterable[str]) -> dict[str, Deployment]:
    """The deployments of these names (NAME, or FLOW/NAME), by id. Raises: UsageError for a name that none has."""
    names = list(dict.fromkeys(names))
    found = deployments_called(client, names)
    for name in names:
        if not any(name in (one.name, one.full_name) for one in found):
            near = ", ".join(one.full_name for one in found if one.name == name.rpartition("/")[2])
            raise UsageError(
                f"The server has no deployment {name!r}{f'; it has {near}' if near else ''}.\n"
                "See `prefect deployment ls`."
            )
    return {one.id: one for one in found if one.name in names or one.full_name in names}


def deployments_called(client: Client, names: Iterable[str]) -> list[Deployment]:
    """Every deployment whose own name is the last part of one of these, whatever its flow."""
    path = "/deployments/filter"
    found = [
        one
        for part in _parts(name.rpartition("/")[2] for name in names)
        for one in rows(client, path, {"deployments": {"name": {"any_": part}}}, Deployment, "NAME_ASC")
    ]
    return _named(client, found)


def flow_names(client: Client, ids: Iterable[str]) -> dict[str, str]:
    """The names of those flows of these ids that there are, by id."""
    return {
        flow.id: flow.name
        for part in _parts(ids)
        for flow in rows(client, "/flows/filter", {"flows": {"id": {"any_": part}}}, _Flow, "NAME_ASC")
    }


def _named(client: Client, found: Sequence[Deployment]) -> list[Deployment]:
    flows = flow_names(client, {one.flow_id for one in found})
    return [replace(one, full_name=f"{flows.get(one.flow_id, one.flow_id)}/{one.name}") for one in found]


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    each = iter(sorted(set(values)))
    while part := list(itertools.islice(each, AT_ONCE)):
        yield part
