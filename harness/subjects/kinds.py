"""Which Prefect a subject's name means: of the server, and of worker and deployer, if they run another one.

`3.3.4`, `latest`, `wheel:PATH`, `path:FOLDER`, `image:NAME`. In `3.3.4/worker=3.3.3/deployer=3.0.9` the server's is
first. `3.1.15/upgrade=3.9.1` is a server of 3.1.15 that the door `server-upgrade` upgrades to 3.9.1.
Each may have overlays: `3.9.1+delete-one-late-run` (overlays.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from harness.subjects import overlays
from harness.subjects.local import check_tree, check_wheel, resolve_tree, resolve_wheel
from harness.subjects.release import Release, Target, check_release, resolve_release
from harness.words.errors import UsageError
from harness.words.names import ROLES, UPGRADE

_SPLIT = re.compile(rf"/({'|'.join(ROLES)})=")
ResolveImage = Callable[[str], Release]


def check_image(asked: str) -> str:
    """The image that `image:NAME` names. Raises UsageError if that cannot be the name of an image."""
    name = asked.partition(":")[2]
    if not re.fullmatch(r"\w[\w./:@-]*", name):
        raise UsageError(
            f"{asked!r} names no image; write image:NAME, such as image:prefecthq/prefect:3.3.4-python3.11."
        )
    return name


_CHECKS = {"wheel": check_wheel, "path": check_tree, "image": check_image}


def check_name(asked: str) -> None:
    """Raises UsageError if this cannot be a subject's name. Nothing is looked up or built for that."""
    server, others = _split(asked)
    for part in (server, *(part for _, part in others)):
        name, _ = overlays.split(part)
        _CHECKS.get(_kind(name), check_release)(name)
    roles = [role for role, _ in others]
    if twice := [role for role in roles if roles.count(role) > 1]:
        raise UsageError(f"{asked!r} says twice what the {twice[0]} is.")


def resolve(asked: str, target: Target, resolve_image: ResolveImage) -> Release:
    """The subject of that name, with its lock.

    Raises: UsageError if it does not exist, LabError if it cannot be resolved, pulled or built.
    """
    server, others = _split(asked)
    roles = {role: _resolve_one(name, target, resolve_image) for role, name in others}
    found = _resolve_one(server, target, resolve_image)
    note = "; ".join(part.note for part in (found, *roles.values()) if part.note)
    return replace(found, asked=asked, roles=roles, note=note)


def _resolve_one(part: str, target: Target, resolve_image: ResolveImage) -> Release:
    name, laid = overlays.split(part)
    resolver = {"wheel": resolve_wheel, "path": resolve_tree}.get(_kind(name), resolve_release)
    found = resolve_image(name) if _kind(name) == "image" else resolver(name, target)
    overlays.check_fit(laid, found.version)
    return replace(found, asked=part, overlays=[each.name for each in laid])


def is_release(asked: str) -> bool:
    """Whether it is one plain release, of every role."""
    server, others = _split(asked)
    named = not others and _kind(server) not in _CHECKS
    return named and not overlays.split(server)[1]  # rule: overlay-is-no-release (without last)


def is_of_releases(asked: str) -> bool:
    """Whether each role is of a plain release: what is known is known of these. Others are held to `survived`."""
    server, others = _split(asked)
    return is_release(server) and all(is_release(part) for _, part in others)  # rule: mixed-of-releases (without last)


def is_upgraded(asked: str) -> bool:
    """Whether it names the release that its server is upgraded to."""
    return any(role == UPGRADE for role, _ in _split(asked)[1])


def check_ends(first: str, last: str) -> None:
    """Raises UsageError unless both ends of a range are plain releases (`latest` is one)."""
    for end in (first, last):
        check_name(end)
        if not is_release(end):
            raise UsageError(f"{end!r} is no release; a range goes from one release to a later one.")


def _split(asked: str) -> tuple[str, list[tuple[str, str]]]:
    """The server's part of a subject's name, and the others' parts with their roles."""
    server, *rest = _SPLIT.split(asked)
    return server, list(zip(rest[::2], rest[1::2], strict=True))


def _kind(asked: str) -> str:
    return asked.partition(":")[0] if ":" in asked else ""
