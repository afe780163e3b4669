"""The way to a Docker engine, and what its errors say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker.errors
from testcontainers.core.docker_client import DockerClient

import docker
from harness.words.errors import LabError


def find_engine() -> DockerClient:
    """The engine that answers, as testcontainers finds it: by its properties, DOCKER_HOST, or the docker context.

    Raises: LabError where none answers.
    """
    try:
        found = DockerClient(timeout=60)
        found.client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise LabError(f"no Docker engine answers: {short(error)}") from error
    return found


def connect() -> docker.DockerClient:
    """A client of that engine: what builds images and sweeps, too. Raises LabError where no engine answers."""
    return find_engine().client


@contextmanager
def connected() -> Iterator[docker.DockerClient | None]:
    """A client of the engine, closed at the end; None where no engine answers."""
    try:
        client = connect()
    except LabError:
        yield None
        return
    try:
        yield client
    finally:
        client.close()


def quietly(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, without the engine's errors: with one (the container is gone already, say) it returns None."""

    def quiet() -> Any:
        with suppress(docker.errors.DockerException, OSError):
            return call()
        return None

    return quiet


def short(error: BaseException) -> str:
    """What an engine's error says, in at most 300 characters: its explanation, or the error that caused it."""
    root = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    return str(getattr(error, "explanation", None) or root)[:300]
