"""Overlays as a subject names them, what is laid for its Python, and what a search for mutants comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.commands import power
from harness.doors import load_doors
from harness.subjects import overlays
from harness.subjects.kinds import check_ends, check_name, is_release
from harness.subjects.overlays import FOLDER, load_overlays
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import OUTCOMES, VERDICTS
from harness.words.errors import UsageError
from harness.words.records import TrialResult
from tests.unit.entries import ticks, trial

DOORS = load_doors()

MUTANTS = power.choose([])


def test_a_subject_has_the_overlays_behind_its_pluses() -> None:
    name, laid = overlays.split("3.9.1+cancel-what-waits+skip-a-tick")
    assert (name, [each.name for each in laid]) == ("3.9.1", ["cancel-what-waits", "skip-a-tick"])
    assert overlays.split("3.9.1") == ("3.9.1", [])


@pytest.mark.parametrize("asked", ["wheel:/a/prefect-3.9.1+17.gabc-py3-none-any.whl", "path:/a+b", "image:name"])
def test_a_plus_of_a_path_is_a_part_of_it(asked: str) -> None:
    assert overlays.split(asked) == (asked, [])
    assert overlays.split(f"{asked}+skip-a-tick")[0] == asked


@pytest.mark.rule("overlay-is-no-release", "A release with an overlay is not a plain release.")
def test_what_has_an_overlay_is_no_release_and_no_end_of_a_range() -> None:
    assert is_release("3.9.1")
    assert not is_release("3.9.1+skip-a-tick")
    assert not is_release("3.3.4/worker=3.3.3+skip-a-tick")
    with pytest.raises(UsageError, match="is no release"):
        check_ends("3.3.3", "3.9.1+skip-a-tick")


def test_an_overlay_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="skip-a-tick"):
        check_name("3.9.1+skip-a-tock")


@pytest.mark.rule("overlay-release", "An overlay for other releases is refused.")
def test_an_overlay_for_other_releases_is_refused() -> None:
    (overlay,) = overlays.split("3.3.3+cancel-what-waits")[1]
    with pytest.raises(UsageError, match=r"cancel-what-waits is for Prefect >=3\.3\.4, and this is 3\.3\.3"):
        overlays.check_fit([overlay], "3.3.3")
    overlays.check_fit([overlay], "3.9.1")


@pytest.mark.parametrize("name", load_overlays())
def test_each_overlay_says_what_it_does_and_is_found_through_doors_that_there_are(name: str) -> None:
    overlay = load_overlays()[name]
    assert overlay.summary.endswith(".")
    assert f"`{name}`" not in overlay.summary
    if found := overlay.found:
        scenario = load_scenarios()[found.scenario]
        assert all(DOORS[door].misfit(scenario) == "" for door in found.doors)
        assert found.as_ in (*VERDICTS, "ticks missing", "ticks duplicate")


def test_there_are_at_least_twelve_mutants() -> None:
    assert len(MUTANTS) >= 12


def test_what_is_laid_changes_a_module_as_it_is_imported(tmp_path: Path) -> None:
    laid = tmp_path / FOLDER
    overlays.lay(["skip-a-tick"], laid)
    package = laid / "survival_overlays"
    (package / "skip_a_tick.py").write_text("def patch(module):\n    module.said = 'patched'\n", encoding="utf-8")
    wanted = {"patching": {"subject": ["skip_a_tick"]}, "rewriting": {}}
    (laid / "overlays.json").write_text(json.dumps(wanted), encoding="utf-8")
    (tmp_path / "subject.py").write_text("said = 'as ever'\n", encoding="utf-8")
    path = os.pathsep.join([str(laid), str(tmp_path)])

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "import subject; print(subject.said)"]
        environment = {"PATH": os.defpath, "PYTHONPATH": path}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run().stdout == "patched\n"
    (package / "skip_a_tick.py").write_text("def patch(module):\n    module.nothing.there\n", encoding="utf-8")
    done = run()
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("the overlay skip_a_tick does not fit this Prefect: ")


def test_what_is_laid_rewrites_a_module_though_python_has_kept_what_it_compiled_of_it(tmp_path: Path) -> None:
    laid = tmp_path / FOLDER
    overlays.lay(["skip-a-tick"], laid)
    rewrite = "def rewrite(name, tree):\n    tree.body.append(ast.parse(f'said = {name!r}').body[0])\n    return tree\n"
    (laid / "survival_overlays" / "skip_a_tick.py").write_text(f"import ast\n\n\n{rewrite}", encoding="utf-8")
    (tmp_path / "subject.py").write_text("said = 'as ever'\n", encoding="utf-8")

    def run(rewriting: dict[str, list[str]]) -> str:
        (laid / "overlays.json").write_text(json.dumps({"patching": {}, "rewriting": rewriting}), encoding="utf-8")
        environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join([str(laid), str(tmp_path)])}
        command = [sys.executable, "-c", "import subject; print(subject.said)"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    for _ in range(2):
        assert run({}) == "as ever\n"
        assert run({"subject": ["skip_a_tick"]}) == "subject\n"
    assert list((tmp_path / "__pycache__").iterdir())


def test_each_module_that_an_overlay_names_is_laid_to_be_patched_or_rewritten(tmp_path: Path) -> None:
    overlays.lay(["waiting-state-type", "keep-waiting-runs"], tmp_path / FOLDER)
    laid = json.loads((tmp_path / FOLDER / "overlays.json").read_text(encoding="utf-8"))
    assert laid["patching"]["prefect.server.models.deployments"] == ["waiting_state_type", "keep_waiting_runs"]
    assert laid["rewriting"]["prefect.client.schemas.objects"] == ["waiting_state_type"]
    assert set(laid["patching"]["prefect.server.database.alembic_commands"]) == {"waiting_state_type"}


def test_each_set_of_overlays_is_another_subject() -> None:
    before = overlays.digest(["skip-a-tick"])
    assert overlays.digest(["skip-a-tick", "cancel-what-waits"]) != before
    assert overlays.lock_lines(["skip-a-tick"]).startswith("# overlay skip-a-tick --hash=sha256:")


def entry(subject: str, outcome: str, **more: Any) -> TrialResult:
    return trial(subject=subject, outcome=outcome, **more)


def outcome_of(release: str, mutant: str) -> tuple[list[str], int]:
    """What a search for one mutant comes to, of a release that came to one outcome and its mutant to another."""
    one = power.choose(["cancel-what-waits"])
    trials = [entry("3.9.1", release), entry("3.9.1+cancel-what-waits", mutant)]
    rows = power.rows_of("3.9.1", one, trials)
    return [row.verdict for row in rows], power.exit_code(rows)


@pytest.mark.rule("power-finds-the-mutant", "A mutant is found by the outcome that it declares, and by no other.")
@pytest.mark.rule("power-release-is-quiet", "The release without a mutant has to survive.")
def test_a_mutant_is_found_as_what_it_is_and_the_release_is_quiet() -> None:
    assert outcome_of("survived", "altered") == (["quiet", "found"], 0)
    assert outcome_of("survived", "survived") == (["quiet", "not found"], 1)
    assert outcome_of("survived", "lost") == (["quiet", "not found"], 1)
    assert outcome_of("lost", "altered") == (["false alarm", "found"], 1)


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - set(VERDICTS) - {"not-applicable"}))
def test_what_has_no_verdict_is_neither_missed_nor_an_alarm(outcome: str) -> None:
    assert outcome_of("survived", outcome) == (["quiet", "no verdict"], 125)
    assert outcome_of(outcome, "altered") == (["no verdict", "found"], 125)


def test_a_trial_that_is_missing_is_no_verdict() -> None:
    rows = power.rows_of("3.9.1", power.choose(["cancel-what-waits"]), [entry("3.9.1", "survived")])
    assert [row.verdict for row in rows] == ["quiet", "no verdict"]


def test_ticks_are_what_a_mutant_of_them_is_found_by() -> None:
    trials = [
        entry("3.9.1", "survived"),
        entry("3.9.1+skip-a-tick", "lost", judged_by="ticks", promises=ticks(outcome="missing")),
    ]
    rows = power.rows_of("3.9.1", power.choose(["skip-a-tick"]), trials)
    assert [row.verdict for row in rows] == ["quiet", "found"]


def test_the_release_is_tried_through_every_door_that_a_mutant_is() -> None:
    pairs = power.pairs_of("3.9.1", MUTANTS)
    assert set(pairs["3.9.1"]) == {cell for subject, cells in pairs.items() if subject != "3.9.1" for cell in cells}


def test_a_name_that_is_no_mutants_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="cancel-what-waits"):
        power.choose(["cancel-what-wait"])
