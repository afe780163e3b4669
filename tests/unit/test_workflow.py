"""The GitHub workflow and its action ask for what the harness gives. (Their syntax: actionlint, tests/README.md.)"""

from __future__ import annotations

import json
import re

import pytest

from harness import cli
from harness.trials.scenario import load_scenarios
from harness.words.places import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "gate.yml").read_text(encoding="utf-8")
ACTION = (ROOT / ".github" / "actions" / "gate" / "action.yml").read_text(encoding="utf-8")


def cells(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    assert cli.main(["cells", *options]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    matrix: dict[str, list[dict[str, str]]] = json.loads(line)
    return matrix["include"]


def test_the_matrix_is_every_subject_by_every_scenario_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = cells(capsys, "--subject", "3.3.3", "--subject", "3.3.4")
    assert [(cell["subject"], cell["scenario"]) for cell in found] == [
        (subject, scenario)
        for subject in ("3.3.3", "3.3.4")
        for scenario, one in load_scenarios().items()
        if not one.by_name
    ]


def test_the_workflow_asks_for_what_a_cell_has(capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = cells(capsys, "--scenario", "worker-outage")
    assert set(re.findall(r"matrix\.(\w+)", WORKFLOW)) == set(cell)


def test_the_action_has_every_input_that_the_workflow_gives_it() -> None:
    given = WORKFLOW.partition("uses: ./.github/actions/gate\n")[2].partition("- if:")[0]
    asked = set(re.findall(r"inputs\.(\w+)", ACTION))
    assert set(re.findall(r"^ +(\w+): \$", given, flags=re.MULTILINE)) <= asked


@pytest.mark.parametrize("line", re.findall(r"nox -s (\w+)", WORKFLOW + ACTION))
def test_every_session_that_they_call_is_there(line: str) -> None:
    assert f"def {line}(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", re.findall(r"(--\w+) \"\$", ACTION))
def test_every_option_that_the_action_gives_is_one_of_the_gates(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["gate", "--help"])
    assert option in capsys.readouterr().out
