"""One call to a live Prefect server, and every way in which its answer is wrong, as one to three lines for a person."""

from __future__ import annotations

import base64
import itertools
import json
import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from harness.guard.where import Where
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.errors import LabError, UsageError

Json = Any
T = TypeVar("T")
A_CALL = 20.0  # seconds that one call may take, to the last byte of its answer
# A call that changes nothing the second time is sent so often, a second apart. A server on SQLite that is busy answers
# 503 ("database is locked") for a while: restoring 484 runs on 3.3.3 met three in a row.
_TRIES, _TRIES_WHILE_BUSY, _PAUSE = 3, 20, 1.0
_BUSY, _REFUSED_FOR_NOW = {429, 503}, {429, 502, 503, 504}
_LARGEST = 64 * 2**20  # bytes of an answer: a page of 200 runs has some 500 KB
_ASK_AGAIN = "Nothing is known of its runs: ask again once it answers."
_HINTS = {
    401: "The server wants a key that it knows: check --key-file, PREFECT_API_KEY or PREFECT_API_AUTH_STRING.",
    403: "The key may not do this: use the key of a person or a service that may.",
    503: "It is busy, or starts: ask again. A restore goes on where it stopped.",
    404: "Is this the URL of a Prefect API? It ends in /api, or in /workspaces/ID.",
}


class NoWordError(LabError):
    """A server gave no answer that can be used. One to three lines, ending in the next step; exit 125."""


class UnreachedError(NoWordError):
    """No whole answer came: it is down, starts anew, or is too busy."""


class RefusedError(NoWordError):
    """A server answered with a status that says no; `status` is it, and `said` what it said."""

    def __init__(self, reason: str, status: int, said: str) -> None:
        super().__init__(reason, source="server")
        self.status, self.said = status, said


def may_pass(error: NoWordError) -> bool:
    """Whether the same may be answered later with nothing changed here: not with a wrong key, or at a wrong URL."""
    if isinstance(error, RefusedError):
        return error.status == 429 or error.status >= 500
    return isinstance(error, UnreachedError)


@dataclass(frozen=True)
class Answer:
    """An answer that is JSON: its status, what it says, and the server's clock as it was given (`Date`)."""

    status: int
    said: Json
    date: str


class Client:
    """Speaks to one server. A context manager. `seconds` is how long all calls together may take."""

    def __init__(self, where: Where, *, seconds: float, call: float = A_CALL, clock: Clock = HOST_CLOCK) -> None:
        self.where = where
        self._call, self._clock, self._seconds = call, clock, seconds
        self._deadline = clock.monotonic() + seconds
        headers = {"Accept": "application/json"}
        if where.key:
            headers["Authorization"] = f"Bearer {where.key}"
        elif where.password:
            headers["Authorization"] = "Basic " + base64.b64encode(where.password.encode()).decode()
        try:
            # TLS is verified, and a redirect is not followed: httpx does so where nothing else is said.
            self._http = httpx.Client(timeout=call, headers=headers, trust_env=not where.is_loopback)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise UsageError(f"The environment's proxy or certificates cannot be used: {error}.") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Json:
        """The JSON of a GET. Raises: NoWordError."""
        return self.ask("GET", path).said

    def read(self, path: str, body: Json) -> Json:
        """The JSON of a POST that only reads. Raises: NoWordError."""
        return self.ask("POST", path, body).said

    def ask(self, method: str, path: str, body: Json = None, *, accept: tuple[int, ...] = ()) -> Answer:
        """The answer to a call that may be sent again: a read, or a write with an idempotency key.

        A status of no success is an answer where it is in `accept`. Raises: NoWordError; RefusedError.
        """
        call = f"{method} {path}"
        for tried in itertools.count(1):
            try:
                answer = self._once(method, path, body)
                most = _TRIES_WHILE_BUSY if answer.status_code in _BUSY else _TRIES  # rule: guard-busy (never)
                if answer.status_code not in _REFUSED_FOR_NOW or tried >= most:
                    break
            except (httpx.TransportError, TimeoutError) as error:
                if isinstance(error, TimeoutError) or tried >= _TRIES:
                    raise self._unreached(call, error) from None
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise self._no_word(f"gave no answer to {call} that can be read: {self._safe(str(error))}") from None
            self._clock.sleep(_PAUSE)
        return self._checked(call, answer, accept)

    def _once(self, method: str, path: str, body: Json) -> httpx.Response:
        """One call, whole, in the time that it may take."""
        left = self._deadline - self._clock.monotonic()
        if left <= 0:  # rule: guard-deadline-of-all
            given = f"{self._seconds / 60:g} minutes"
            raise self._away(f"did not answer all that was asked within {given}", "Give it more with --minutes.")
        url = f"{self.where.url}{path}"
        return _within(min(self._call, left), lambda: self._whole(method, url, body))

    def _unreached(self, call: str, error: Exception) -> NoWordError:
        """The error for a call that no whole answer came to."""
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return self._away(f"gave no whole answer to {call} within {self._call:.0f} s")
        said = self._safe(str(error) or type(error).__name__).rstrip(".")
        if "SSL" in said.upper():
            hint = "Its certificate is always verified: set SSL_CERT_FILE for an authority of your own."
            return self._no_word(f"cannot be trusted: {said}", hint)
        if isinstance(error, httpx.ConnectError):
            return self._away(f"cannot be reached: {said}", f"Is it running, and is this its URL (by {self.where.by})?")
        return self._away(f"broke off its answer to {call}: {said}")

    def _whole(self, method: str, url: str, body: Json) -> httpx.Response:
        with self._http.stream(method, url, json=body) as answer:
            parts, size = [], 0
            for part in answer.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > _LARGEST:  # rule: guard-answer-that-never-ends
                    raise ValueError(f"it is larger than {_LARGEST >> 20} MiB")
            headers = {
                name: value for name, value in answer.headers.items() if name in ("date", "location", "content-type")
            }
            return httpx.Response(answer.status_code, headers=headers, content=b"".join(parts))

    def _checked(self, call: str, answer: httpx.Response, accept: tuple[int, ...]) -> Answer:
        """An answer as JSON. Raises: RefusedError for a status that says no; NoWordError for what is no JSON."""
        status = answer.status_code
        if 300 <= status < 400:  # rule: guard-no-redirect
            try:
                other = httpx.URL(self.where.url).join(answer.headers.get("location", ""))
            except (httpx.InvalidURL, ValueError):
                other = httpx.URL("")
            there = f"{other.scheme}://{other.netloc.decode('ascii', 'replace').rpartition('@')[2]}{other.path}"
            raise self._no_word(
                f"sends elsewhere, which is not followed: to {there[:200]}",
                "If that is the server, give its URL with --api.",
            )
        if not 200 <= status < 300 and status not in accept:
            said = self._safe(" ".join(answer.text.split())[:160])
            hint = _HINTS.get(status, "Look at the server's log." if status >= 500 else "")
            reason = f"{self.where.url} answered {call} with {status}: {said or 'nothing'}"
            raise RefusedError(f"{reason}\n{hint}".rstrip(), status, said)
        try:
            found = json.loads(answer.content) if answer.content else None
        except (ValueError, RecursionError):
            kind = answer.headers.get("content-type", "").partition(";")[0]
            what = "HTML" if "html" in kind else "what is no JSON"
            raise self._no_word(f"answered {call} with {what}", _HINTS[404]) from None
        return Answer(status, found, answer.headers.get("date", ""))

    def unexpected(self, call: str, why: str) -> NoWordError:
        """The error for an answer of another shape than Prefect's."""
        return self._no_word(f"answered {call} with what Prefect does not say: {why}", _HINTS[404])

    def _no_word(self, what: str, hint: str = _ASK_AGAIN) -> NoWordError:
        return NoWordError(f"{self.where.url} {what}.\n{hint}", source="server")

    def _away(self, what: str, hint: str = _ASK_AGAIN) -> UnreachedError:
        return UnreachedError(f"{self.where.url} {what}.\n{hint}", source="server")

    def _safe(self, text: str) -> str:
        """A server's words without the key, should it have said that."""
        for secret in filter(None, (self.where.key, self.where.password)):  # rule: guard-no-key-told
            text = text.replace(secret, "***")
        return text[:300]


def _within(seconds: float, call: Callable[[], T]) -> T:
    """What a call comes to. Raises: TimeoutError after these seconds, whatever it still waits for; what it raises.

    A timeout of httpx's begins anew with each byte, and none ends the look-up of a name.
    """
    come: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def carry_out() -> None:
        try:
            come.put((call(), None))
        except Exception as error:  # it is raised where it is waited for
            come.put((None, error))

    threading.Thread(target=carry_out, daemon=True).start()
    try:
        found, error = come.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error:
        raise error
    return found  # type: ignore[return-value]
