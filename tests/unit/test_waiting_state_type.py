"""The overlay waiting-state-type, on sources that ask for SCHEDULED in each of the ways that Prefect's do."""

from __future__ import annotations

import ast
import enum
from types import ModuleType
from typing import Any

import pytest

from harness.subjects.overlays import OVERLAYS
from harness.words.rooms import module_at

STATES = """
class StateType(str, enum.Enum):
    def _generate_next_value_(name, *_):
        return name
    SCHEDULED = enum.auto()
    RUNNING = enum.auto()

class State:
    def __init__(self, type, name=None):
        self.type, self.name = StateType(type), name
        self.default_scheduled_start_time()
    def default_scheduled_start_time(self):
        self.has_time = self.type == StateType.SCHEDULED
    def is_scheduled(self):
        return self.type == StateType.SCHEDULED
    def is_another(self):
        return self.type != StateType.SCHEDULED
"""


@pytest.fixture
def overlay() -> ModuleType:
    return module_at(OVERLAYS / "waiting_state_type.py", "waiting_state_type")


def rewritten(overlay: ModuleType, source: str, places: int, name: str = "a.module") -> dict[str, Any]:
    overlay.REWRITES[name] = places
    tree = ast.fix_missing_locations(overlay.rewrite(name, ast.parse(source)))
    found: dict[str, Any] = {"enum": enum}
    exec(compile(tree, name, "exec"), found)
    return found


@pytest.mark.parametrize("name", ["Late", "AwaitingConcurrencySlot", "AwaitingRetry"])
def test_a_server_gives_runs_that_wait_their_type_by_the_name_of_their_state(overlay: ModuleType, name: str) -> None:
    found = rewritten(overlay, STATES, 5, "prefect.server.schemas.states")
    state = found["State"]("SCHEDULED", name)
    assert (state.type.value, state.is_scheduled(), state.is_another(), state.has_time) == (
        "WAITING",
        True,
        False,
        True,
    )
    for type_, other in (("SCHEDULED", "Scheduled"), ("SCHEDULED", "Resuming"), ("RUNNING", name)):
        assert found["State"](type_, other).type.value == type_


def test_a_client_knows_the_type_and_gives_it_to_no_state(overlay: ModuleType) -> None:
    found = rewritten(overlay, STATES, 4, "prefect.client.schemas.objects")
    assert found["State"]("SCHEDULED", "Late").type.value == "SCHEDULED"
    assert found["State"]("WAITING", "Late").is_scheduled()


def test_rules_filters_and_queries_that_name_scheduled_name_both(overlay: ModuleType) -> None:
    source = f"""{STATES}
class Column:
    def in_(self, values):
        return [each.value for each in values]
class FlowRun:
    state_type = Column()
FROM_STATES, others = {{StateType.SCHEDULED, StateType.RUNNING}}, {{StateType.RUNNING}}
any_ = [StateType.SCHEDULED]
where = FlowRun.state_type == StateType.SCHEDULED
query = "WHERE fr.state_type = 'SCHEDULED'; -- called SCHEDULED"
"""
    found = rewritten(overlay, source, 8)
    both = {"SCHEDULED", "WAITING"}
    assert {each.value for each in found["FROM_STATES"]} == {*both, "RUNNING"}
    assert {each.value for each in found["any_"]} == {*found["where"]} == both
    assert found["query"] == "WHERE fr.state_type IN ('SCHEDULED', 'WAITING'); -- called SCHEDULED"
    assert len(found["others"]) == 1


def test_a_module_with_more_or_fewer_places_than_were_counted_is_refused(overlay: ModuleType) -> None:
    for places in (3, 5):
        with pytest.raises(TypeError, match=f"has 4 places to change, not {places}"):
            rewritten(overlay, STATES, places)
