"""chaos.json with another value anywhere in it: each command that reads it ends in three lines, without a traceback."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.store.checksums import write_checksums
from tests.fakes.test_plans_of_chaos import LATE_AND_DEPLOYED, plan
from tests.fakes.test_recheck_campaign import once

OTHERS: list[Any] = [None, -1, 2**70, 1.5, "", "x", "../..", "\ud800", "3/8", [], ["x"], {}, {"x": 1}, True]
TIMES = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory.mktemp("garbled"), plan(*LATE_AND_DEPLOYED))


def places(found: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place of a value of JSON."""
    if way:
        yield way
    for key, value in found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ():
        yield from places(value, (*way, key))


def with_other(found: Any, way: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(found)
    at = changed
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value
    return changed


@pytest.mark.parametrize("seed", range(3))
def test_a_value_that_is_another_one_is_no_traceback(
    made: Path, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Path(shutil.copytree(made, tmp_path / "campaign"))
    found = json.loads((campaign / "chaos.json").read_text(encoding="utf-8"))
    drawn = random.Random(seed)
    ways = list(places(found))
    for number in range(TIMES):
        way, value = drawn.choice(ways), drawn.choice(OTHERS)
        (campaign / "chaos.json").write_text(json.dumps(with_other(found, way, value)), encoding="utf-8")
        write_checksums(campaign)
        for words in (["recheck", str(campaign)], ["merge", "--into", str(tmp_path / f"into-{number}"), str(campaign)]):
            code = cli.main(words)
            said = capsys.readouterr().err
            assert code in (0, 1, 2, 125) and len(said.splitlines()) <= 3, (way, value, words, said)
