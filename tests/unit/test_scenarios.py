"""What a scenario declares: what is known of it by version, which versions can stage it, and how it is selected."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from harness.checkers import load_promises
from harness.doors import load_doors
from harness.doors._door import REHEARSED
from harness.engines.settings import as_setting
from harness.known import load_known, load_known_promises
from harness.lab.lab import Deadlines, Lab
from harness.runs.plan import choose_trials, doors_of, plan_cell, spread_over_labs
from harness.trials.scenario import Scenario, load_scenarios, select_scenarios
from harness.verdict.outcomes import OUTCOMES
from harness.words.errors import UsageError
from harness.words.names import PREFECT_DEPLOY
from harness.words.places import ROOT
from harness.words.plan import Cell
from harness.words.promises import Expectation
from harness.words.proof import NOTHING

DOORS = load_doors()

SCENARIOS = load_scenarios()
USUAL = [name for name, one in SCENARIOS.items() if not one.by_name]  # what a command chooses where none is named
RELEASES = ("2.20.20", "3.0.0", "3.0.4", "3.0.8", "3.0.9", "3.3.3", "3.3.4", "3.9.1")
NEWEST = RELEASES[-1]  # that was tried


def planned(scenario: str, version: str) -> Cell:
    """The cell of a scenario on a release."""
    return plan_cell(
        SCENARIOS[scenario], DOORS["prefect-deploy"], subject=version, version=version, as_of="", engine="fake",
        engine_detail="",
    )  # fmt: skip


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """Each scenario in turn."""
    return SCENARIOS[request.param]


def test_every_folder_with_a_scenario_is_found_under_its_name() -> None:
    assert {"concurrency-limit", "worker-outage"} <= set(SCENARIOS)
    assert all(found.name == name and found.file("flow.py").exists() for name, found in SCENARIOS.items())


@pytest.mark.parametrize("version", RELEASES)
def test_what_is_known_of_a_release_is_known_once_and_for_every_release_it_applies_to(
    scenario: Scenario, version: str
) -> None:
    for door in DOORS.values():
        known = [one for one in load_known_promises() if one.name == scenario.judged_by] or load_known()
        found = [one for one in known if one.is_of(scenario.backlog, door, version)]
        assert len(found) <= 1, (door.name, found)
        if door.family == "update" and door.name in doors_of(scenario):
            assert len(found) == int(scenario.applies_to(version))


def test_what_is_known_is_a_verdict_with_its_upstream_reference(scenario: Scenario) -> None:
    outcomes = [one for one in load_known() if scenario.backlog in one.backlogs]
    promises = [one for one in load_known_promises() if one.name == scenario.judged_by]
    assert all(known.outcome in OUTCOMES[3:] for known in outcomes)
    for reference in [one.reference for one in outcomes] + [one.reference for one in promises]:
        if reference.startswith("docs/"):
            assert (ROOT / reference / "README.md").exists()
        else:
            assert reference.startswith(("PrefectHQ/prefect#", "PrefectHQ/prefect src/", "by design: "))


def test_what_is_known_names_doors_families_and_backlogs_that_there_are() -> None:
    families, backlogs = {door.family for door in DOORS.values()}, {one.backlog for one in SCENARIOS.values()}
    for known in load_known():
        assert set(known.doors) <= set(DOORS)
        assert set(known.families) <= families - {""}
        assert set(known.backlogs) <= backlogs


@pytest.mark.parametrize(
    ("name", "last", "first"),
    [
        ("worker-outage", "3.3.3", "3.3.4"),
        ("concurrency-limit", "3.3.3", "3.3.4"),
        ("awaiting-retry", "3.0.8", "3.0.9"),
    ],
)
def test_the_release_that_mended_it_is_where_lost_turns_into_survived(name: str, last: str, first: str) -> None:
    assert [planned(name, version).expected for version in ("3.0.4", last, first)] == ["lost", "lost", "survived"]
    assert planned(name, last).reference


def test_a_scenario_puts_at_least_one_run_at_risk_and_schedules_as_many_as_it_needs(scenario: Scenario) -> None:
    assert 1 <= scenario.minimum <= scenario.ticks


def test_a_scenario_with_settings_of_its_own_or_runs_that_wait_for_their_time_is_alone_in_its_lab(
    scenario: Scenario,
) -> None:
    assert scenario.is_alone or not (scenario.server_settings or scenario.upcoming)


@pytest.mark.rule("door-settings-own-lab", "A door with server settings of its own has a lab of its own.")
def test_a_door_with_settings_of_its_own_is_alone_in_its_lab() -> None:
    labs = {
        cell.lab: door.name
        for scenario, door in choose_trials("matrix", [], [])
        for cell in [plan_cell(scenario, door, subject="x", version="3.9.1", as_of="", engine="e", engine_detail="")]
        if door.server_settings
    }
    assert labs == {"x--e--worker-outage--pause-by-automation": "pause-by-automation"}


def test_a_scenario_that_does_not_apply_everywhere_says_why(scenario: Scenario) -> None:
    assert bool(scenario.applies) == bool(scenario.applies_reason)


@pytest.mark.rule("not-applicable-by-version", "A scenario is not applicable to releases outside its range.")
@pytest.mark.parametrize("version", ["2.20.20", "3.0.0", "3.0.3"])
def test_a_concurrency_limit_is_not_applicable_before_3_0_4(version: str) -> None:
    cell = planned("concurrency-limit", version)
    assert (cell.outcome, cell.expected) == ("not-applicable", "not-applicable")
    assert "from 3.0.4 on" in cell.reason
    assert planned("worker-outage", version).outcome is None


@pytest.mark.parametrize("version", ["3.0.4.dev1", "3.0.4rc1", "3.0.4.post1+mine"])
def test_what_leads_up_to_a_release_can_do_what_it_can(version: str) -> None:
    assert SCENARIOS["concurrency-limit"].applies_to(version)


@pytest.mark.rule(
    "not-applicable-not-by-failure", "A subject that could not be resolved is never called not applicable."
)
def test_a_subject_that_could_not_be_resolved_is_never_not_applicable() -> None:
    cell = planned("concurrency-limit", "")
    assert (cell.outcome, cell.expected) == (None, None)


def test_reproduce_tries_the_two_of_the_report_by_the_door_of_the_report() -> None:
    tried = [(scenario.name, door.name) for scenario, door in choose_trials("reproduce", [], [])]
    assert tried == [("concurrency-limit", PREFECT_DEPLOY), ("worker-outage", PREFECT_DEPLOY)]


def test_reproduce_tries_each_named_scenario_once_through_each_named_door_once() -> None:
    tried = choose_trials("reproduce", ["worker-outage", "awaiting-retry", "worker-outage"], ["none", "none"])
    assert [(scenario.name, door.name) for scenario, door in tried] == [
        ("worker-outage", "none"),
        ("awaiting-retry", "none"),
    ]


def test_a_matrix_tries_every_scenario_and_each_through_the_doors_it_names() -> None:
    tried = choose_trials("matrix", [], [])
    by_scenario = {scenario.name: [door.name for one, door in tried if one == scenario] for scenario, _ in tried}
    assert by_scenario == {
        name: doors_of(scenario) for name, scenario in load_scenarios().items() if not scenario.by_name
    }
    of_deployments = {
        name
        for name, door in DOORS.items()
        if door.is_of_deployments and door.only_for != REHEARSED and not door.by_name
    }  # `rehearse` makes the scenarios of the others
    opened = set(by_scenario["worker-outage"]) | set(by_scenario["serve"])
    assert opened >= of_deployments, "every door on a deployment is opened somewhere"
    assert not any(door.misfit(one) for one, door in tried)


def test_a_matrix_narrowed_to_a_door_opens_it_on_every_scenario() -> None:
    tried = choose_trials("matrix", [], ["none"])
    assert [scenario.name for scenario, _ in tried] == [
        name for name, one in load_scenarios().items() if not one.by_name
    ]
    assert {door.name for _, door in tried} == {"none"}


@pytest.mark.parametrize("name", ["worker-outtage", "worker_outage", "Worker-Outage", "outage"])
def test_a_misspelt_scenario_is_answered_with_the_nearest_and_with_all(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        select_scenarios([name])
    said = str(raised.value)
    assert f"There is no scenario {name!r}. Did you mean 'worker-outage'? There are: " in said
    assert all(known in said for known in SCENARIOS)
    assert len(said.splitlines()) <= 3


def test_a_name_like_no_scenario_is_answered_with_all_and_no_guess() -> None:
    with pytest.raises(UsageError) as raised:
        select_scenarios(["zzz"])
    assert "Did you mean" not in str(raised.value)


@pytest.mark.rule("gate-expects-survived", "A gate expects survived, whatever is known.")
@pytest.mark.parametrize("version", ["3.0.8", "3.3.3", "3.3.4", "3.9.1"])
def test_what_is_held_to_survived_is_so_whatever_is_known(scenario: Scenario, version: str) -> None:
    held = plan_cell(
        scenario, DOORS[scenario.usual_door], subject=version, version=version, as_of="", engine="fake",
        engine_detail="", held=True,
    )  # fmt: skip
    if not scenario.applies_to(version):
        assert held.outcome == "not-applicable"
        return
    ticks = held.promises.get("ticks", Expectation(outcome=""))
    assert (held.expected, ticks.outcome) == ((None, "whole") if scenario.judged_by == "ticks" else ("survived", ""))
    assert held.outcome is None


def test_what_cannot_be_staged_is_not_applicable_though_it_is_held() -> None:
    cell = plan_cell(
        SCENARIOS["concurrency-limit"], DOORS[PREFECT_DEPLOY], subject="2.20.20", version="2.20.20", as_of="",
        engine="fake", engine_detail="", held=True,
    )  # fmt: skip
    assert (cell.expected, cell.outcome) == ("not-applicable", "not-applicable")


@pytest.mark.rule(
    "not-applicable-not-between", "What was built between two releases is tried, whatever its version says."
)
@pytest.mark.parametrize("version", ["2.20.3+4000.gabc", "3.0.0.dev1"])
def test_what_was_built_between_releases_is_tried_whatever_its_version_says(version: str) -> None:
    cells = [
        plan_cell(
            SCENARIOS["concurrency-limit"], DOORS[door], subject="path:.", version=version, as_of="", engine="fake",
            engine_detail="", held=True, versions={"deployer": version},
        )
        for door in (PREFECT_DEPLOY, "resume-deployment", "pause-by-automation")
    ]  # fmt: skip
    assert [(cell.expected, cell.outcome) for cell in cells] == [("survived", None)] * 3
    misfit = plan_cell(
        SCENARIOS["serve"], DOORS[PREFECT_DEPLOY], subject="path:.", version=version, as_of="", engine="fake",
        engine_detail="", held=True,
    )  # fmt: skip
    assert misfit.outcome == "not-applicable", "that is so whatever the version"


@pytest.mark.rule("gate-excepts-deletions", "A gate does not expect runs to survive the deletion of their deployment.")
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_that_a_deployment_takes_its_runs_along_is_not_held_against_it(scenario: Scenario) -> None:
    cell = plan_cell(
        scenario, DOORS["bulk-delete"], subject="path:.", version="3.9.1", as_of="", engine="fake",
        engine_detail="", held=True,
    )  # fmt: skip
    assert (cell.expected, cell.promises.get("ticks"), cell.outcome) == (None, None, None)


@pytest.mark.rule("gate-holds-back-by-design", "A gate expects of a door that holds runs back what is known of it.")
def test_a_gate_does_not_expect_runs_to_survive_what_holds_them_back_by_design() -> None:
    def expected(scenario: str, door: str) -> str | None:
        return plan_cell(
            SCENARIOS[scenario], DOORS[door], subject="path:.", version="3.9.1", as_of="", engine="fake",
            engine_detail="", held=True,
        ).expected  # fmt: skip

    assert {door: expected("worker-outage", door) for door, one in DOORS.items() if one.holds_back} == {
        "pool-pause": "stranded", "queue-pause": "stranded", "pool-delete": "altered", "queue-delete": "altered",
    }  # fmt: skip
    assert expected("awaiting-retry", "pool-pause") == "survived", "a retry waits in its process"
    assert expected("worker-outage", "pool-resume") == "survived"


def test_a_gate_tries_every_scenario_by_the_door_of_the_report() -> None:
    tried = choose_trials("gate", [], [])
    assert [scenario.name for scenario, _ in tried] == [
        name for name, one in load_scenarios().items() if not one.by_name
    ]
    others = {scenario.name: door.name for scenario, door in tried if door.name != PREFECT_DEPLOY}
    assert others == {"serve": "serve-stop"}


def unfit_for_a_gate(scenarios: dict[str, Scenario]) -> list[str]:
    """The scenarios that a gate chooses though their first door changes nothing, or is not known to be survived."""
    unfit = []
    for name, one in scenarios.items():
        door = DOORS[one.usual_door]
        cell = plan_cell(one, door, subject=NEWEST, version=NEWEST, as_of="", engine="processes", engine_detail="")
        whole = {kind: load_promises()[kind].kept == said.outcome for kind, said in cell.promises.items()}
        survives = whole.get(one.judged_by, cell.expected == "survived") and all(whole.values())
        if not one.by_name and not (survives and door.proof.by != NOTHING):
            unfit.append(name)
    return unfit


@pytest.mark.parametrize("door", ["none", "delete-deployment", "pause-deployment", "server-restart", "worker-kill"])
def test_what_a_gate_chooses_by_itself_is_meant_to_be_survived_on_the_newest_release(door: str) -> None:
    assert unfit_for_a_gate(SCENARIOS) == []
    name = {"server-restart": "being-started", "worker-kill": "slot-held-ahead"}.get(door, "worker-outage")
    one = replace(SCENARIOS[name], by_name=False, doors=(door, "prefect-deploy"))
    assert unfit_for_a_gate({name: one}) == [name]
    assert unfit_for_a_gate({name: replace(one, by_name=True)}) == []


@pytest.mark.rule("lab-capacity", "A lab gets no more trials than it can carry.")
def test_a_lab_holds_no_more_than_it_can_carry_and_a_staging_is_spread_only_where_it_must() -> None:
    trials = choose_trials("matrix", [], [])
    cells = [
        plan_cell(scenario, door, subject="3.9.1", version="3.9.1", as_of="", engine="fake", engine_detail="")
        for scenario, door in trials
    ]
    labs: dict[str, list[Cell]] = {}
    for cell in spread_over_labs(cells):
        labs.setdefault(cell.lab, []).append(cell)
    assert sum(map(len, labs.values())) == len(cells)
    for name, held in labs.items():
        stagings = {cell.scenario for cell in held}
        assert len(held) + 2 * len(stagings) <= 12
        assert len(stagings) == 1 or not any(SCENARIOS[scenario].is_alone for scenario in stagings), name
    assert len({cell.lab for cell in spread_over_labs(cells[:2])}) == len({cell.lab for cell in cells[:2]})


def test_what_is_never_staged_takes_no_room_in_a_lab() -> None:
    many = [planned("concurrency-limit", "2.20.20")] * 30
    assert {cell.lab for cell in spread_over_labs(many)} == {many[0].lab}


@pytest.mark.rule("scenario-by-name-alone", "A scenario that takes minutes is tried only where it is named.")
@pytest.mark.parametrize("command", ["reproduce", "matrix", "gate"])
def test_a_scenario_that_takes_minutes_is_tried_where_it_is_named_and_nowhere_else(command: str) -> None:
    slow = [name for name, one in SCENARIOS.items() if one.by_name]
    assert "overnight-outage" in slow
    assert not {scenario.name for scenario, _ in choose_trials(command, [], [])} & set(slow)
    assert {scenario.name for scenario, _ in choose_trials(command, slow, [])} == set(slow)


def test_a_length_of_more_than_a_day_is_set_so_that_every_release_reads_it() -> None:
    assert as_setting(timedelta(days=6, hours=23, minutes=40)) == "PT167H40M"
    told = [value for one in SCENARIOS.values() for value in one.server_settings.values()]
    assert not [value for value in told if re.match(r"\d+[. ]\d\d:", value)]


def test_none_at_a_time_and_no_second_ahead_are_said_to_a_worker_as_any_other_number_is() -> None:
    asked: list[list[str]] = []

    def start_node(name: str, command: list[str]) -> SimpleNamespace:
        asked.append(command[8:])
        return SimpleNamespace(name=name)

    lab = Lab(SimpleNamespace(start_node=start_node), {}, Deadlines())
    one = SCENARIOS["worker-outage"]
    for number in (0, 2, None):
        lab.start_worker(replace(one, worker_limit=number, prefetch_seconds=number), f"pool-{number}")
    assert asked == [["--limit", "0", "--prefetch-seconds", "0"], ["--limit", "2", "--prefetch-seconds", "2"], []]
