"""What is concluded from the package index: an index that does not answer is not one that has no such release."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from harness.subjects import release
from harness.subjects.release import Target, releases_between, resolve_release
from harness.subjects.uv_tool import UvError
from tests.fakes.fake_api import serving

HERE = Target("3.11", "")


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    """What a package index does that answers everything with one status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Makes the index that uv asks one that answers so, with empty caches."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with ExitStack() as indexes:
        yield lambda status: monkeypatch.setenv(
            "UV_DEFAULT_INDEX", f"{indexes.enter_context(serving(answering(status)))}/simple"
        )


@pytest.mark.rule("index-that-refuses", "An index that does not answer is not one without releases.")
@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_an_index_that_does_not_answer_is_no_index_without_releases(
    answers: Callable[[int], None], status: int
) -> None:
    answers(status)
    for _ in range(2):  # and nothing of it is kept
        with pytest.raises(UvError):
            releases_between("3.3.0", "3.3.6", HERE, threading.Event())


NO_SOLUTION = "Because only certifi<=2 is available and prefect==3.9.1 depends on certifi>=3, … are unsatisfiable."


@pytest.mark.rule("latest-unless-unresolvable", "`latest` passes over a release only if it cannot be resolved.")
@pytest.mark.parametrize(
    ("said", "version"),
    [(NO_SOLUTION, "3.9.0"), ("Failed to fetch: http://127.0.0.1/simple/certifi/ (503 Service Unavailable)", None)],
)
def test_latest_passes_over_only_what_cannot_be_resolved(
    monkeypatch: pytest.MonkeyPatch, said: str, version: str | None
) -> None:
    def resolve(asked: str, _: Target) -> release.Release:
        if asked == "3.9.1":
            raise UvError(said, source="build")
        return release.Release(asked, asked, "", "")

    monkeypatch.setattr(release, "_resolve_version", resolve)
    monkeypatch.setattr(release, "_highest", lambda asked, *_: "3.9.1" if asked == "prefect" else "3.9.0")
    if version is None:
        with pytest.raises(UvError, match="503"):
            resolve_release("latest", HERE)
    else:
        found = resolve_release("latest", HERE)
        assert found.version == version and "3.9.1 is newer and was passed over" in found.note
