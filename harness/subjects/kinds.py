"""Which Prefect a subject's name means, by its prefix: a release, a wheel, a source tree."""

from __future__ import annotations

from harness.subjects.local import check_tree, check_wheel, resolve_tree, resolve_wheel
from harness.subjects.release import Release, Target, check_release, resolve_release

_CHECKS = {"wheel": check_wheel, "path": check_tree}
_RESOLVERS = {"wheel": resolve_wheel, "path": resolve_tree}


def check_name(asked: str) -> None:
    """Raises UsageError for what can be no subject, before anything is looked up or built."""
    _CHECKS.get(_kind(asked), check_release)(asked)


def resolve(asked: str, target: Target) -> Release:
    """The subject meant, with its lock.

    Raises: UsageError for one that does not exist, UvError where it cannot be resolved or built.
    """
    return _RESOLVERS.get(_kind(asked), resolve_release)(asked, target)


def is_release(asked: str) -> bool:
    """Whether it is a plain release, of which outcomes are known; anything else is held to `survived`."""
    return _kind(asked) not in _RESOLVERS


def _kind(asked: str) -> str:
    return asked.partition(":")[0] if ":" in asked else ""
