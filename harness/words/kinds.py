"""Every kind of line that a history may hold."""

from __future__ import annotations

from typing import Any, Union

from harness.words import part_events
from harness.words.events import Event, Unreadable

MODULES = (part_events,)  # that have events beside those of events.py

KINDS: dict[str, type[Event]] = {
    str(one.__struct_config__.tag): one for one in Event.__subclasses__() if one is not Unreadable
}
ANY_EVENT: Any = Union[tuple(KINDS.values())]  # noqa: UP007 - made from the list of kinds
