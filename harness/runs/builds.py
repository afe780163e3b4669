"""Which key each subject of a run was built under: the command says so as each is built, and labs wait for theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.words.files import read_json, write_whole
from harness.words.plan import slug
from harness.words.scratch import scratch_folder, scratch_root
from harness.words.waiting import NotYet, wait_until

# What a build waits for has deadlines of its own (the index, uv, docker); on a slow line an image may take this long.
_LONGEST = 3600.0


def _file(run: str, subject: str) -> Path:
    return scratch_root() / run / f"built-{slug(subject)}.json"


def say_built(run: str, subject: str, keys: Mapping[str, str]) -> None:
    """Say by which keys the engine finds the subject, by role; no key at all if it could not be built."""
    scratch_folder(run)
    write_whole(_file(run, subject), json.dumps(keys))


def wait_until_built(run: str, subject: str, check: Callable[[], None]) -> Mapping[str, str]:
    """The subject's keys by role (`server`, and each role that has another subject); empty if it could not be built.

    Raises: DeadlineError after an hour, and what `check` raises, which is called at each look.
    """

    def there() -> dict[str, Any]:
        check()
        file = _file(run, subject)
        if not file.exists():
            raise NotYet(f"{subject} is still being built")
        return dict(read_json(file))

    return wait_until("the subject's build", there, seconds=_LONGEST, every=0.05)
