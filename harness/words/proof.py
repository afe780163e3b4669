"""What proves that a door was opened, as data: it is in the history before the door is opened.

What was read of the deployments before and after is held against it, by whoever has the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Facts = Mapping[str, Any]
NONCE, REQUEST, REDEPLOY, NOTHING = KINDS = ("nonce", "request", "redeploy", "nothing")
_HOWS = ("becomes", "changes", "stays", "has")


@dataclass(frozen=True)
class Effect:
    """What a field of the treated deployment has to be.

    field  as a history keeps it (harness/lab/facts.py)
    how    `becomes`: it is `value` after the door, and was not before; `changes`: it is another after than before;
           `stays`: it is the same after as before; `has`: one of its entries has all of `value`, before and after
    """

    field: str
    how: str
    value: Any = None

    def shown(self, before: Facts, after: Facts) -> bool:
        """Whether the deployment, as it was read before and after, shows it."""
        was, now = before.get(self.field), after.get(self.field)
        if self.how == "becomes":
            return bool(now == self.value and was != self.value)
        if self.how == "has":
            return self._is_in(was) and self._is_in(now)
        return bool(was == now) is (self.how == "stays")

    def _is_in(self, entries: Any) -> bool:
        return any(self.value.items() <= entry.items() for entry in entries or ())

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.how in ("becomes", "has") else ""
        return f"{self.field} {self.how}{value}"


@dataclass(frozen=True)
class Proof:
    """How it is known that a door was opened on the treated deployment.

    by        `nonce`: the deployment shows, after the door alone, the nonce that only this door could have sent
              `request`: the server's access log shows each of `requests` answered 2xx
              `redeploy`: the same, or the deployment's schedules have new ids
              `nothing`: treated and twin are unchanged (the null door)
    requests  patterns of what the access log must show, `{id}` being the treated deployment's
    effects   what the deployment has to show besides
    """

    by: str = NONCE
    requests: Sequence[str] = ()
    effects: Sequence[Effect] = ()

    def seen(self, before: Facts, now: Facts, nonce: str) -> bool:
        """Whether a look at the treated deployment, while the door is open, shows already what the door did to it."""
        if self.by == NONCE:
            return nonce in json.dumps(now) and nonce not in json.dumps(before)
        telling = [effect for effect in self.effects if effect.how in ("becomes", "changes")]
        return bool(telling) and all(effect.shown(before, now) for effect in telling)

    def of(self, deployment_id: str) -> Proof:
        """The same of a deployment with this id."""
        return Proof(self.by, [request.format(id=deployment_id) for request in self.requests], self.effects)

    def as_json(self) -> dict[str, Any]:
        """It as a history has it."""
        return asdict(self)


def effects_of(saved: Mapping[str, Any]) -> list[Effect]:
    """The effects of a proof that a history holds. Raises: TypeError for what is none."""
    return [Effect(**effect) for effect in saved["effects"]]


def problem_of(saved: Any) -> str:
    """What is wrong with a proof that a history holds, in words; empty where nothing is."""
    try:
        by, requests, effects = saved["by"], saved["requests"], effects_of(saved)
    except (KeyError, TypeError):
        return f"{saved!r:.100} is no record of one"
    if by not in KINDS or not all(effect.how in _HOWS and isinstance(effect.field, str) for effect in effects):
        return f"there is no such proof as {saved!r:.100}"
    if not isinstance(requests, list) or not all(isinstance(request, str) for request in requests):
        return "its requests are no patterns"
    return "it is by requests, and names none" if by in (REQUEST, REDEPLOY) and not requests else ""
