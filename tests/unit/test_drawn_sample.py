"""Which runs the drain of a large backlog waits for, and what it does once they have ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.trials import sample
from harness.trials.sample import Sample

ENDED, WAITS, UNDER_WAY = "COMPLETED", "SCHEDULED", "PENDING"


class Server:
    """Runs of two deployments, due one after the other, and what is asked of them."""

    def __init__(self) -> None:
        self.states = {f"{side}-{number}": WAITS for side in ("treated", "twin") for number in range(4)}
        self.paused: list[str] = []

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "id": name,
                "deployment_id": name.split("-")[0],
                "expected_start_time": f"2030-01-01T00:0{9 - int(name[-1])}:00Z",  # the last is due first
                "state_type": state,
            }
            for name, state in self.states.items()
        ]

    def flow_runs(self, *, ids: Any) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["id"] in set(ids)]

    def count_flow_runs(self, _: Any, state: Any, **__: Any) -> int:
        types = state["type"]["any_"] if "type" in state else [WAITS]  # by their names: those that wait
        return sum(state_type in types for state_type in self.states.values())

    def call(self, _: str, path: str, body: Any) -> None:
        assert body == {"is_paused": True}
        self.paused.append(path)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def drawn(server: Server) -> Sample:
    scenario = SimpleNamespace(sample_through=lambda door: door)
    at_risk = {side: [name for name in server.states if name.startswith(side)] for side in ("treated", "twin")}
    lab = SimpleNamespace(api=server, check_server_alive=lambda: None)
    staging: Any = SimpleNamespace(
        scenario=scenario, trials=[SimpleNamespace(door=2, at_risk=at_risk)], lab=lab, pools=("pool",), goes_on=False,
        record=lambda *_, **__: None, deployed={"treated": "treated", "twin": "twin"}, runs_if_answered=server.rows,
    )  # fmt: skip
    return Sample(staging)


def names(found: list[dict[str, Any]]) -> set[str]:
    return {run["id"] for run in found}


def test_it_is_the_first_runs_of_each_side_by_when_they_were_due(drawn: Sample) -> None:
    assert names(drawn.runs()) == {"treated-3", "treated-2", "twin-3", "twin-2"}


def test_those_that_are_gone_leave_their_place_to_others(drawn: Sample, server: Server) -> None:
    del server.states["treated-3"]
    assert names(drawn.runs()) == {"treated-2", "treated-1", "twin-3", "twin-2"}


def test_as_long_as_one_goes_on_the_worker_goes_on(drawn: Sample, server: Server) -> None:
    drawn.runs()
    server.states |= dict.fromkeys(("treated-3", "treated-2", "twin-3"), ENDED)
    drawn.runs()
    assert not server.paused


def test_then_nothing_more_is_taken_and_what_was_begun_beside_it_is_waited_for(drawn: Sample, server: Server) -> None:
    drawn.runs()
    server.states |= {**dict.fromkeys(("treated-3", "treated-2", "twin-3", "twin-2"), ENDED), "twin-0": UNDER_WAY}
    assert "twin-0" in names(drawn.runs())
    server.states["twin-0"] = ENDED
    assert names(drawn.runs()) == {"treated-3", "treated-2", "twin-3", "twin-2"}
    assert server.paused == ["/work_pools/pool"]


def test_of_several_trials_the_one_that_wants_all_counts() -> None:
    staging: Any = SimpleNamespace(
        scenario=SimpleNamespace(sample_through=lambda door: door),
        trials=[SimpleNamespace(door=2), SimpleNamespace(door=0)],
    )
    assert sample.sample_of(staging) == 0
