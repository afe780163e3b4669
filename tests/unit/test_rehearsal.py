"""A person's project becomes scenarios, with their own schedules and with stubs for their flows."""

from __future__ import annotations

import ast
import string
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.evidence.rehearsal import all_at_once
from harness.projects.read import Project, ProjectDeployment
from harness.projects.signature import Parameter
from harness.projects.stubs import flow_code, template
from harness.runs.rehearsal import Unrehearsed, write_scenarios
from harness.trials.rehearsed import scenario_of
from harness.trials.scenario import load_scenarios, scenarios_from
from harness.words.errors import UsageError
from harness.words.rehearsed import Rehearsed

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
PLACES = {"NAME": "mine", "DESCRIPTION": "a nonce", "FLOW": "treated", "DIRECTORY": "/srv", "POOL": "own", "FLOWS": "f"}
PLACES |= {"JOB_VARIABLES": '{"command": "true"}'}


def deployment(name: str = "nightly", **fields: Any) -> ProjectDeployment:
    schedules = {"schedules": [{"cron": "0 2 * * *", "timezone": "Europe/Paris"}]}
    return ProjectDeployment(name=name, flow="Load", parameters=[Parameter("day")], fields={**schedules, **fields})


def project(*deployments: ProjectDeployment) -> Project:
    return Project(source="a test", deployments=deployments)


def written(
    place: Path, old: Project, new: Project, *keys: str, hours: float = 12, most: int = 24
) -> tuple[list[Rehearsed], list[Unrehearsed]]:
    left = write_scenarios(old, new, place, keys=keys, outage=timedelta(hours=hours), most=most, now=NOW)
    return [Rehearsed.read(folder) for folder in sorted(place.iterdir())], left


def one(place: Path, old: ProjectDeployment, **asked: Any) -> Rehearsed:
    (record,), _ = written(place, project(old), project(old), **asked)
    return record


def test_a_template_is_the_deployment_as_its_file_has_it(tmp_path: Path) -> None:
    declared = deployment(parameters={"price": "$5 ${HOME}", "at": "{x}"}, concurrency_limit={"limit": 1}, tags=["a"])
    text = string.Template(template(declared)).substitute(PLACES)
    (found,) = yaml.safe_load(text)["deployments"]
    assert (found["name"], found["entrypoint"]) == ("mine", "flow.py:treated")
    assert found["work_pool"] == {"name": "own", "job_variables": {"command": "true"}}
    assert {key: found[key] for key in declared.fields} == declared.fields


def test_what_stands_twice_in_a_file_by_an_anchor_stands_in_each_template(tmp_path: Path) -> None:
    shared = [{"cron": "0 2 * * *"}]
    assert "&" not in template(deployment(schedules=shared, parameters={"same": shared}))


def test_a_stub_has_the_parameters_of_its_flow_and_nothing_else() -> None:
    code = flow_code([Parameter("execution", {"a": [1]}), Parameter("day")])
    functions = {node.name: node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == {"probe", "treated", "twin"}
    assert ast.unparse(functions["twin"].args) == "execution={'a': [1]}, day=None"
    assert "_execution(execution=execution, day=day)" in ast.unparse(functions["treated"])


def test_a_night_is_that_of_the_deployments_own_zone(tmp_path: Path) -> None:
    record = one(tmp_path, deployment())
    assert (record.key, record.ticks, record.least) == ("Load/nightly", 1, 1)
    assert record.begins == "2026-11-28T18:00:40+00:00", "19:00:40 in Paris, the day after"
    assert (record.last, record.ends) == ("2026-11-29T01:00:00+00:00", "2026-11-29T06:00:40+00:00")


@pytest.mark.parametrize(
    ("old", "new", "is_sampled"),
    [({}, {}, True), ({"concurrency_limit": 1}, {}, False), ({}, {"concurrency_limit": {"limit": 1}}, False)],
)
def test_of_a_deployment_with_a_limit_every_run_has_to_be_executed(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], is_sampled: bool
) -> None:
    written(tmp_path, project(deployment(**old)), project(deployment(**new)))
    (folder,) = tmp_path.iterdir()
    assert bool(scenario_of(folder).sample) == is_sampled


def test_an_outage_of_more_than_a_day_is_set_so_that_every_release_reads_it(tmp_path: Path) -> None:
    written(tmp_path, project(deployment()), project(deployment()), hours=36)
    (folder,) = tmp_path.iterdir()
    assert "PT36H30M" in scenario_of(folder).server_settings.values()


def test_a_run_that_is_not_due_in_the_next_night_is_waited_for(tmp_path: Path) -> None:
    record = one(tmp_path, deployment(schedules=[{"cron": "30 12 1 3 *"}]))
    assert (record.ticks, record.last) == (1, "2027-03-01T12:30:00+00:00")
    assert record.begins < record.last < record.ends
    assert "its next run is due at 2027-03-01 12:30 UTC" in " ".join(record.notes)


def test_more_runs_than_are_asked_for_make_the_outage_shorter(tmp_path: Path) -> None:
    both = [{"cron": "*/30 * * * *"}, {"cron": "0 * * * *", "parameters": {"day": "all"}}]
    record = one(tmp_path, deployment(schedules=both), most=5)
    assert (record.ticks, record.last, record.ends) == (5, "2026-11-28T21:00:00+00:00", "2026-11-28T21:00:20+00:00")
    assert "36 runs fall due in 12 h" in " ".join(record.notes)


def test_an_interval_without_an_anchor_may_be_due_once_less(tmp_path: Path) -> None:
    record = one(tmp_path, deployment(schedules=[{"interval": 3600}]))
    assert (record.ticks - record.least) == 1


def test_what_has_no_run_to_lose_is_left_out_with_the_reason(tmp_path: Path) -> None:
    new = deployment("new")
    gone, off, empty = (
        deployment("gone"),
        deployment("off", schedules=[{"cron": "0 * * * *", "active": False}]),
        deployment("empty", schedules=[]),
    )
    old = project(deployment(), gone, off, empty)
    records, left = written(tmp_path, old, project(deployment(), new, off, empty))
    assert [record.key for record in records] == ["Load/nightly"]
    said = {each.key: each.why for each in left}
    assert set(said) == {"Load/gone", "Load/new", "Load/off", "Load/empty"}
    assert "leaves it as it is" in said["Load/gone"]
    assert "no active schedule" in said["Load/off"] == said["Load/empty"]


def test_deployments_are_rehearsed_in_the_order_in_which_the_new_file_is_deployed(tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(12)]
    old = project(*(deployment(name) for name in [*names, "gone"]))
    new = project(*(deployment(name) for name in reversed([*names, "added"])))
    records, left = written(tmp_path, old, new)
    with scenarios_from(tmp_path) as scenarios:
        assert [Rehearsed.read(tmp_path / name).key for name in scenarios] == [f"Load/{name}" for name in names[::-1]]
    assert [each.key for each in left] == ["Load/added", "Load/gone"]
    assert records[0].file == [f"Load/{name}" for name in ["added", *names[::-1]]]


def test_what_stands_after_a_refused_deployment_is_not_deployed_with_all_at_once() -> None:
    assert all_at_once("abcd", {"c": "no such pool", "b": "bad cron"}).endswith(
        "Here that is `b`. These stand after it, and stay as they are now: `c`, `d`."
    )
    assert all_at_once("ab", {"b": "bad cron"}).endswith("Here that is `b`. None stands after it.")
    assert not all_at_once("ab", {})


@pytest.mark.rule("rehearsal-whole-file", "If the file does not pass the deployer's check, `--all` deploys none of it.")
def test_of_a_file_that_does_not_pass_the_deployers_check_nothing_is_deployed_all_at_once() -> None:
    said = "Invalid fields in deployments:\n  b: schedules\nSkipping deployment configuration due to validation errors."
    assert "`b` did not pass" in all_at_once("abc", {"b": said, "a": "bad cron"})
    assert "deploys none of the 3 deployments" in all_at_once("abc", {"b": said})


def test_a_name_chooses_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    old = project(deployment(), deployment("hourly"))
    records, _ = written(tmp_path, old, old, "Load/hourly")
    assert [record.key for record in records] == ["Load/hourly"]
    with pytest.raises(UsageError, match="Neither file has a deployment 'daily'"):
        written(tmp_path / "again", old, old, "daily")
    with pytest.raises(UsageError, match="nothing to rehearse"):
        written(tmp_path / "again", project(deployment(schedules=[])), project(deployment()))


@pytest.mark.parametrize("schedules", [[{"cron": "what"}], [{"every": "day"}], [{"rrule": "FREQ=NEVER"}], ["daily"], 7])
def test_a_schedule_that_cannot_be_read_is_refused(tmp_path: Path, schedules: object) -> None:
    with pytest.raises(UsageError) as error:
        one(tmp_path, deployment(schedules=schedules))
    assert len(str(error.value).splitlines()) <= 3


def test_the_scenarios_of_a_place_are_there_while_it_is_asked_for(tmp_path: Path) -> None:
    one(tmp_path, deployment("Nightly load!"))
    with scenarios_from(tmp_path) as names:
        assert names == ("rehearsed-1-nightly-load",)
        scenario = load_scenarios()[names[0]]
        assert (scenario.is_rehearsed, scenario.ticks, scenario.usual_door) == (True, 1, "deploy-new-file")
    assert names[0] not in load_scenarios()
