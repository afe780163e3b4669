"""experiments/blue-green/ticks.py: its table is what was counted, and each way to switch can be carried out."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from harness.runs.experiments import EXPERIMENTS
from harness.words.rooms import module_at

FOLDER = EXPERIMENTS / "blue-green"


@pytest.fixture(scope="module")
def ticks() -> ModuleType:
    return module_at(FOLDER / "ticks.py", "blue_green_ticks")


def test_the_table_counts_the_ticks_that_ran_twice_and_those_that_never_ran(ticks: ModuleType) -> None:
    first = [{"way": "a", "pairs": [["b", "g", "bg"], ["b", "", "bgg"]]}, {"way": "b", "pairs": [["b", "g"]]}]
    second = [{"way": "a", "pairs": [["", ""]]}, {"way": "b", "pairs": [["b", "gg", "bg"]]}]
    told = [{"release": "3.3.3", "late": 0.1, "ways": first}, {"release": "3.9.1", "late": 1.5, "ways": second}]
    assert ticks.page(told).splitlines()[2:] == [
        "| a | 2 twice, 1 never of 6 | 2 never of 2 |",
        "| b | none of 2 | 1 twice, 1 twice by one deployment of 3 |",
        "| *the latest request came after its time by* | 0.1 s | 1.5 s |",
    ]


def test_each_way_ends_with_blue_off_and_green_on(ticks: ModuleType) -> None:
    ways = ticks.ways()
    assert len({way.words for way in ways}) == len(ways) == 11
    for way in ways:
        done = [deed for _, deed in sorted(way.deeds, key=lambda one: one[0])]
        assert ticks.BLUE_OFF in done
        made = next(at for at, deed in enumerate(done) if deed in (ticks.GREEN_MADE, ticks.GREEN_MADE_OFF))
        assert (ticks.GREEN_ON in done) == (done[made] == ticks.GREEN_MADE_OFF)
        assert ticks.GREEN_ON not in done[:made]


def test_the_page_has_what_was_measured(ticks: ModuleType) -> None:
    told = json.loads((FOLDER / "ticks.json").read_text(encoding="utf-8"))
    assert (FOLDER / "ticks.md").read_text(encoding="utf-8") == ticks.page(told)
    for one in told:
        assert one["late"] < 2, "each request was sent before its tick"
