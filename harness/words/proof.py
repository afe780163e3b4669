"""What proves that a door was opened, as data: it is in the history before the door is opened.

What was read of the deployments before and after is held against it, by whoever has the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

Facts = Mapping[str, Any]
NONCE: Literal["nonce"] = "nonce"
REQUEST: Literal["request"] = "request"
REDEPLOY: Literal["redeploy"] = "redeploy"
NOTHING: Literal["nothing"] = "nothing"


class Effect(msgspec.Struct, frozen=True):
    """What a field of the treated deployment has to be.

    field  as a history keeps it (harness/lab/facts.py)
    how    `becomes`: it is `value` after the door, and was not before; `changes`: it is another after than before;
           `stays`: it is the same after as before; `has`: one of its entries has all of `value`, before and after
    """

    field: str
    how: Literal["becomes", "changes", "stays", "has"]
    value: Any = None

    def shown(self, before: Facts, after: Facts) -> bool:
        """Whether the deployment, as it was read before and after, shows it."""
        was, now = before.get(self.field), after.get(self.field)
        if self.how == "becomes":
            return bool(now == self.value and was != self.value)
        if self.how == "has":
            return self._is_in(was) and self._is_in(now)
        return bool(was == now) is (self.how == "stays")  # rule: error-effect-stays

    def _is_in(self, entries: Any) -> bool:
        return any(self.value.items() <= entry.items() for entry in entries or ())

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.how in ("becomes", "has") else ""
        return f"{self.field} {self.how}{value}"


class Proof(msgspec.Struct, frozen=True):
    """How it is known that a door was opened on the treated deployment.

    by        `nonce`: the deployment shows, after the door alone, the nonce that only this door could have sent
              `request`: the server's access log shows each of `requests` answered 2xx
              `redeploy`: the same, or the deployment's schedules have new ids
              `nothing`: treated and twin are unchanged (the null door)
    requests  patterns of what the access log must show, `{id}` being the treated deployment's, `{pool}` its work pool
    effects   what the deployment has to show besides
    asks      what whoever opens it asks of the deployment beside that: it proves nothing, and whether the deployment
              comes to it is a promise of its own
    """

    by: Literal["nonce", "request", "redeploy", "nothing"] = NONCE
    requests: Sequence[str] = ()
    effects: Sequence[Effect] = ()
    asks: Sequence[Effect] = ()

    def seen(self, before: Facts, now: Facts, nonce: str) -> bool:
        """Whether a look at the treated deployment, while the door is open, shows already what the door did to it."""
        if self.by == NONCE:
            return nonce in json.dumps(now) and nonce not in json.dumps(before)
        telling = [effect for effect in self.effects if effect.how in ("becomes", "changes")]
        return bool(telling) and all(effect.shown(before, now) for effect in telling)

    def of(self, deployment_id: str, pool: str = "") -> Proof:
        """The same of a deployment with this id, in this work pool."""
        requests = [request.format(id=deployment_id, pool=pool) for request in self.requests]
        return Proof(self.by, requests, self.effects, self.asks)

    def as_json(self) -> dict[str, Any]:
        """It as a history has it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @property
    def problem(self) -> str:
        """What is wrong with it, in words; empty where nothing is."""
        return "it is by requests, and names none" if self.by in (REQUEST, REDEPLOY) and not self.requests else ""
