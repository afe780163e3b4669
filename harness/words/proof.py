"""What proves that a door was opened, as data: it is in the history before the door is opened.

What was read of the deployments before and after is held against it, by whoever has the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

Facts = Mapping[str, Any]
NONCE: Literal["nonce"] = "nonce"
REQUEST: Literal["request"] = "request"
REDEPLOY: Literal["redeploy"] = "redeploy"
NOTHING: Literal["nothing"] = "nothing"
DEEDS: Literal["deeds"] = "deeds"

What: TypeAlias = Literal["killed", "stopped", "started", "frozen", "thawed", "cut off", "connected"]
Of: TypeAlias = Literal["worker", "flow run", "server", "upgrade", "database"]


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

    def told(self, before: Facts, after: Facts) -> str:
        """It, and what the deployment had in its place."""
        was, now = (json.dumps(side.get(self.field), default=str) for side in (before, after))
        same = f"it was {was:.80} before and after" if was == now else f"it was {was:.80} before and {now:.80} after"
        return f"{self}; {same}"

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.how in ("becomes", "has") else ""
        return f"{self.field} {self.how}{value}"


class Deed(msgspec.Struct, frozen=True):
    """Something that a door does to a part of the lab or to a process; the engine's word on both sides of it shows it.

    what  `killed` (SIGKILL), `stopped` (SIGINT), `started`, `frozen`, `thawed`, `cut off` (the network), `connected`
    of    `worker`: of the treated deployment alone, or the process that serves it; `flow run`: the process of one of
          its runs; `server`; `upgrade`: the server that takes the place of the first one; `database`
    """

    what: What
    of: Of = "worker"

    def __str__(self) -> str:
        return f"{self.of} {self.what}"


class Proof(msgspec.Struct, frozen=True):
    """How it is known that a door was opened on the treated deployment.

    by        `nonce`: the deployment shows, after the door alone, the nonce that only this door could have sent
              `request`: the server's access log shows each of `requests` answered 2xx
              `redeploy`: the same, or the deployment's schedules have new ids
              `nothing`: treated and twin are unchanged (the null door)
              `deeds`: each of `deeds` was done while the door was open, as the engine saw it
    requests  patterns of what the access log must show, `{id}` being the treated deployment's, `{pool}` its work pool
    effects   what the deployment has to show besides
    asks      what whoever opens it asks of the deployment beside that: it proves nothing, and whether the deployment
              comes to it is a promise of its own
    deeds     what was done to parts of the lab, in this order
    """

    by: Literal["nonce", "request", "redeploy", "nothing", "deeds"] = NONCE
    requests: Sequence[str] = ()
    effects: Sequence[Effect] = ()
    asks: Sequence[Effect] = ()
    deeds: Sequence[Deed] = ()

    def seen(self, before: Facts, now: Facts, nonce: str) -> bool:
        """Whether a look at the treated deployment, while the door is open, shows already what the door did to it."""
        if self.by == NONCE:
            return nonce in json.dumps(now) and nonce not in json.dumps(before)
        telling = [effect for effect in self.effects if effect.how in ("becomes", "changes")]
        return bool(telling) and all(effect.shown(before, now) for effect in telling)

    def of(self, deployment_id: str, pool: str = "") -> Proof:
        """The same of a deployment with this id, in this work pool."""
        requests = [request.format(id=deployment_id, pool=pool) for request in self.requests]
        return msgspec.structs.replace(self, requests=requests)

    def as_json(self) -> dict[str, Any]:
        """It as a history has it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @property
    def problem(self) -> str:
        """What is wrong with it, in words; empty where nothing is."""
        if self.by in (REQUEST, REDEPLOY) and not self.requests:
            return "it is by requests, and names none"
        return "it is by deeds, and names none" if self.by == DEEDS and not self.deeds else ""
