"""After an update, the scheduler makes the first run twice."""

import uuid

from ._updates import MODULE, on_scheduling  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "upcoming", "doors": ["patch-deployment"], "as": "ticks duplicate"}


def make_the_first_twice(runs):
    first = runs[0]
    own = {"id": uuid.uuid4(), "idempotency_key": f"{first['idempotency_key']} again"}
    return [*runs, {**first, **own, "state": {**first["state"], "id": uuid.uuid4()}}]


patch = on_scheduling(make_the_first_twice)
