"""The shards of a campaign of chaos, joined: as if one machine had carried all of it out, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness import cli
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import read_campaign
from harness.store.checksums import write_checksums
from tests.fakes.test_plans_of_chaos import LATE_AND_DEPLOYED, OUTAGE, plan
from tests.fakes.test_recheck_campaign import once, said

QUIET = plan(*OUTAGE, "{do: wait, until: late, of: a}")
PLANS = (QUIET, plan(*LATE_AND_DEPLOYED), QUIET)
NUMBERS = ("1/3", "2/3", "3/3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [once(tmp_path_factory.mktemp("shard"), *PLANS, shard=shard) for shard in NUMBERS]


@pytest.fixture
def shards(made: list[Path], tmp_path: Path) -> list[Path]:
    return [Path(shutil.copytree(one, tmp_path / f"shard-{number}")) for number, one in enumerate(made, start=1)]


def merge(folders: list[Path], into: Path) -> int:
    return cli.main(["merge", "--into", str(into), *map(str, folders)])


def refused(folders: list[Path], into: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert merge(folders, into) == 2
    assert not into.exists()
    text = capsys.readouterr().err
    assert 1 <= len(text.splitlines()) <= 3
    return text


def test_shards_together_are_what_one_machine_would_have_left(
    shards: list[Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge(shards[::-1], tmp_path / "all") == 1
    assert "1 of 3 plans broke a promise in a way that is not known" in capsys.readouterr().out
    joined, alone = read_campaign(tmp_path / "all"), read_campaign(once(tmp_path_factory.mktemp("alone"), *PLANS))
    words = [[[door.outcome for door in one.doors] for one in result.plans] for result in (joined, alone)]
    assert words[0] == words[1]
    assert (joined.coverage, joined.planned, joined.exit_code) == (alone.coverage, alone.planned, alone.exit_code)
    assert recheck_campaign(tmp_path / "all").objections == []


@pytest.mark.rule("plan-missing-is-125", "A campaign with a plan that nobody carried out is no success.")
def test_a_plan_that_no_shard_has_is_said_and_no_success(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge(shards[::2], tmp_path / "all") == 125
    assert "\nplan-2 is in no shard\n" in capsys.readouterr().out
    look = recheck_campaign(tmp_path / "all")
    assert (look.problems, look.unended) == ([], "plan-2 has no result: it was in no shard")
    assert merge([tmp_path / "all", shards[1]], tmp_path / "later") == 1
    assert recheck_campaign(tmp_path / "later").objections == []


def test_a_shard_that_was_cut_off_brings_what_it_has(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards[2] / "SHA256SUMS").unlink()
    shutil.rmtree(shards[2] / "plans" / "plan-3" / "trials")
    said(shards[2], lambda found: found.update(exit_code=None, plans=[], coverage={}))
    assert merge(shards, tmp_path / "all") == 1
    assert "plan-3 is in no shard" in capsys.readouterr().out


@pytest.mark.rule("merge-one-campaign", "Shards of other seeds, subjects, plans or commits are not joined.")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seed": 7, "steps": 4}, "the seed: none and 7"),
        ({"subject": "3.9.2"}, "the subject: 3.9.1 and 3.9.2"),
        ({"version": "3.9.2"}, "Prefect: 3.9.1 and 3.9.2"),
        ({"as_of": "2030-01-02"}, "its packages as of: 2030-01-01 and 2030-01-02"),
        ({"planned": ["0" * 64] * 3}, "the plans"),
        ({"database": "postgres"}, "the database: sqlite and postgres"),
        ({"harness": {"commit": "0" * 40, "dirty": False}}, "and 000000000000"),
        ({"seen": {"steps": {"move-clock": 1}}}, "what was seen before: 0 steps and 1 steps"),
    ],
)
def test_shards_of_different_campaigns_are_not_joined(
    shards: list[Path], tmp_path: Path, changes: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(shards[1], lambda found: found.update(changes))
    write_checksums(shards[1])
    text = refused(shards[:2], tmp_path / "all", capsys)
    assert "are of different campaigns" in text and why in text


@pytest.mark.rule("merge-plan-twice", "A plan that two shards have is not joined twice.")
def test_a_plan_that_two_shards_have_is_refused(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refused([shards[0], shards[1], shards[0]], tmp_path / "all", capsys)
    other = refused([shards[0], Path(shutil.copytree(shards[0], tmp_path / "copy"))], tmp_path / "all", capsys)
    assert "is named twice, and would count twice" in text
    assert "plan-1 is in" in other and "would count twice" in other


@pytest.mark.rule("merge-refused-shard", "A shard that does not hold is not joined.")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found["plans"][0]["promises"]["overdue"].update(came_to="kept"),
        lambda found: found.update(shard="1/3"),
    ],
)
def test_a_shard_that_was_changed_is_not_joined(
    shards: list[Path], tmp_path: Path, spoil: Callable[[dict[str, Any]], object], capsys: pytest.CaptureFixture[str]
) -> None:
    said(shards[1], spoil)
    write_checksums(shards[1])
    assert "does not hold, and is not joined" in refused(shards, tmp_path / "all", capsys)


def test_a_campaign_is_not_joined_with_a_run_nor_into_a_folder_that_is_full(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps({"schema": 1, "trials": []}), encoding="utf-8")
    assert "with its other shards alone" in refused([shards[0], tmp_path / "run"], tmp_path / "all", capsys)
    assert merge(shards, shards[0]) == 2
    assert "no empty folder" in capsys.readouterr().err


def test_a_reduction_is_not_joined(shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(shards[0], lambda found: found.update(promise="overdue"))
    assert "which is not divided" in refused(shards[:1], tmp_path / "all", capsys)


def test_what_one_shard_says_of_itself_alone_does_not_matter(shards: list[Path], tmp_path: Path) -> None:
    result = read_campaign(shards[0])
    assert replace(result, command="x", run="y", exit_code=None).missing == []
