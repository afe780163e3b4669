"""A write that is sent once is never written to a connection that the server is closing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from harness.lab.http import words_of
from harness.lab.prefect_api import PrefectAPI

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def once_a_connection() -> Iterator[str]:
    """The URL of a server that keeps each connection, and closes it as the next request comes in."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.recv(65536)
                connection.sendall(OK)
                connection.recv(65536)

        def listen() -> None:
            with suppress(OSError):  # it is closed in the end
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


def test_a_write_that_is_sent_once_meets_no_connection_that_is_being_closed(once_a_connection: str) -> None:
    with PrefectAPI(once_a_connection, patience=2.0) as api:
        for _ in range(3):
            assert api.answer("/health") == (200, {})
            assert api.send_once("POST", "/deployments/", {"name": "x"}) == (200, "{}")


def test_an_error_without_a_text_is_named() -> None:
    assert words_of(httpx.ReadTimeout("")) == "ReadTimeout"
    assert words_of(httpx.ConnectError("refused")) == "refused"
