"""What a client asks the fork server for, and how it is received."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .client import MOST_DESCRIPTORS, PROTOCOL

PATIENCE = 20  # seconds for each part of a request: a client that says nothing must not keep the others waiting


@dataclass(frozen=True)
class Request:
    """A process to be forked.

    words       what it runs, as after `python`
    environment by name, as bytes
    folder      the descriptor of its working directory; None is the server's own
    passed      the descriptors it gets here, by the number that each has in the process
    ignored     the numbers of the signals it ignores; None is those that the server itself was started with
    umask       None is the server's own
    """

    words: Sequence[str]
    environment: Mapping[bytes, bytes]
    folder: int | None
    passed: Mapping[int, int]
    ignored: Sequence[int] | None = None
    umask: int | None = None


def peer(connection: socket.socket) -> int:
    """The process id of the client. Raises ValueError for another user's."""
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.geteuid():
        raise ValueError("another user")
    return int(pid)


def receive(connection: socket.socket, descriptors: list[int]) -> list[bytes]:
    """The facts of a request. The descriptors that came with it are added to `descriptors`, to be closed by the caller.

    Raises: OSError, ValueError where it was cut short.
    """
    came = array.array("i")
    room = socket.CMSG_SPACE((MOST_DESCRIPTORS + 1) * came.itemsize)
    head, ancillary, _, _ = connection.recvmsg(4, room)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            came.frombytes(data[: len(data) - len(data) % came.itemsize])
    descriptors += came
    length = int.from_bytes(head, "big")
    message = bytearray()
    while len(message) < length:
        part = connection.recv(min(1 << 16, length - len(message)))
        if not part:
            raise ValueError("it was cut short")
        message += part
    return bytes(message).split(b"\0")


def parse(facts: Sequence[bytes], descriptors: Sequence[int]) -> Request:
    """The process that these facts ask for. Raises ValueError for another protocol and for lost descriptors."""
    if facts[0] != PROTOCOL:
        raise ValueError("another protocol")
    _, numbers, ignored, umask, count, *rest = facts
    targets = _numbers(numbers)
    if len(targets) + 1 != len(descriptors):
        raise ValueError("descriptors were lost on the way")
    passed: Any = zip(targets, descriptors[1:])  # noqa: B905 - a subject may run on Python 3.9
    return Request(
        words=[os.fsdecode(word) for word in rest[: int(count)]],
        environment=dict(line.split(b"=", 1) for line in rest[int(count) :]),
        folder=descriptors[0],
        passed=dict(passed),
        ignored=_numbers(ignored),
        umask=int(umask),
    )


def _numbers(text: bytes) -> list[int]:
    return [int(number) for number in text.split(b",") if number]
