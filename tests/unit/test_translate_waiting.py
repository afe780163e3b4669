"""The overlay translate-waiting: what a client is told of runs that wait, by the API version that it names."""

from __future__ import annotations

import asyncio
import json
from types import ModuleType
from typing import Any

import pytest

from harness.subjects.overlays import OVERLAYS
from harness.words.rooms import module_at

RUN = {"id": "r", "state_type": "WAITING", "state": {"type": "WAITING", "name": "Late"}, "name": "WAITING"}
ASKED = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}, "name": {"any_": ["Late"]}}}}


@pytest.fixture(scope="module")
def overlay() -> ModuleType:
    return module_at(OVERLAYS / "translate_waiting.py", "translate_waiting")


def call(overlay: ModuleType, version: str | None, body: bytes, answer: bytes) -> tuple[Any, bytes, dict[bytes, bytes]]:
    """What the API was asked through the translation, what the client was answered, and the answer's headers."""
    asked: list[bytes] = []
    sent: list[dict[str, Any]] = []
    parts = ((body[:9], True), (body[9:], False))
    given = [{"type": "http.request", "body": part, "more_body": more} for part, more in parts]

    async def api(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            asked.append(message["body"])
            more = message["more_body"]
        if (length := dict(scope["headers"]).get(b"content-length")) is not None:
            assert int(length) == len(b"".join(asked))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for each, more in ((answer[:7], True), (answer[7:], False)):
            await send({"type": "http.response.body", "body": each, "more_body": more})

    async def receive() -> dict[str, Any]:
        return given.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [] if version is None else [(b"x-prefect-api-version", version.encode())]
    asyncio.run(overlay.Translation(api)({"type": "http", "headers": named}, receive, send))
    whole = b"".join(each.get("body", b"") for each in sent[1:])
    return b"".join(asked), whole, dict(sent[0]["headers"])


def test_an_older_client_is_told_scheduled_and_asks_for_both(overlay: ModuleType) -> None:
    asked, told, headers = call(overlay, "0.8.4", json.dumps(ASKED).encode(), json.dumps([RUN]).encode())
    assert json.loads(asked)["flow_runs"]["state"] == {
        "type": {"any_": ["SCHEDULED", "WAITING"]}, "name": {"any_": ["Late"]},
    }  # fmt: skip
    (run,) = json.loads(told)
    assert (run["state_type"], run["state"]["type"], run["name"]) == ("SCHEDULED", "SCHEDULED", "WAITING")
    assert int(headers[b"content-length"]) == len(told)


@pytest.mark.parametrize("version", ["0.8.5", "0.9.0", None])
def test_who_knows_the_type_or_names_no_version_is_told_as_it_is(overlay: ModuleType, version: str | None) -> None:
    asked, told, _ = call(overlay, version, json.dumps(ASKED).encode(), json.dumps([RUN]).encode())
    assert (json.loads(asked), json.loads(told)) == (ASKED, [RUN])


def test_an_older_client_that_asks_without_a_body_is_answered(overlay: ModuleType) -> None:
    asked, told, _ = call(overlay, "0.8.4", b"", b"true")
    assert (asked, told) == (b"", b"true")
