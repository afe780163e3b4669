"""GitHub workflows, their action and the Kubernetes manifest ask for what the harness gives.

The syntax of what is GitHub's is checked by actionlint (tests/README.md), that of the manifest by its schema.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from harness import cli
from harness.chaos.shards import INDEX, KUBERNETES, TOTAL, shard_of_environment
from harness.commands import read
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


CHAOS = (ROOT / ".github" / "workflows" / "chaos.yml").read_text(encoding="utf-8")
MANIFEST = ROOT / "docs" / "how-to" / "chaos-job.yaml"


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CHAOS)["jobs"]
    return found


def called(job: str) -> tuple[Any, dict[str, str]]:
    """What the job of that name asks of a command of the harness, and the variables that it is given."""
    (step,) = [step for step in jobs()[job]["steps"] if "run" in step]
    (line,) = [line for line in step["run"].splitlines() if "nox -s" in line]
    inputs = yaml.safe_load(CHAOS)[True]["workflow_dispatch"]["inputs"]  # YAML 1.1 reads `on` as true
    given = {name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda of: inputs[of[1]]["default"], value)
             for name, value in step.get("env", {}).items()}  # fmt: skip
    asked = line.partition(" -- ")[2].partition(" || ")[0]
    words = shlex.split(re.sub(r"\$(\w+)", lambda of: given[of[1]], asked))
    return read(line.partition("nox -s ")[2].split()[0], words), given


def test_each_machine_of_a_campaign_carries_out_its_shard() -> None:
    ask, given = called("shard")
    assert (ask.subject, ask.seed, ask.plans, ask.steps, ask.engine) == ("latest", 1, 160, 12, "processes")
    assert ask.into and not ask.shard
    assert {given[INDEX], given[TOTAL]} == {"${{ strategy.job-index }}", "${{ strategy.job-total }}"}
    machines = len(jobs()["shard"]["strategy"]["matrix"]["shard"])
    found = [shard_of_environment({INDEX: str(index), TOTAL: str(machines)}) for index in range(machines)]
    assert [str(one[0]) for one in found if one] == [f"{number}/8" for number in range(1, 9)]


def test_the_shards_of_a_campaign_are_joined() -> None:
    ask, _ = called("merge")
    (download,) = [step["with"] for step in jobs()["merge"]["steps"] if "download" in step.get("uses", "")]
    (upload,) = [step["with"] for step in jobs()["shard"]["steps"] if "upload" in step.get("uses", "")]
    assert [str(folder) for folder in ask.folders] == [f"{download['path']}/*"]
    assert upload["name"].startswith(download["pattern"].rstrip("*"))


def test_the_manifest_is_what_kubernetes_takes() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    documents = list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))
    assert [one["kind"] for one in documents] == ["PersistentVolumeClaim", "Job"]
    for one in documents:
        validator.validate(one, "1.33", strict=True)
    del documents[1]["spec"]["template"]["spec"]["restartPolicy"]
    documents[1]["spec"]["completion"] = 8
    with pytest.raises(validator.ValidationError):
        validator.validate(documents[1], "1.33", strict=True)


def test_each_pod_carries_out_its_shard() -> None:
    claim, job = yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (variable,) = container["env"]
    assert (variable["name"], int(variable["value"])) == (TOTAL, job["spec"]["completions"])
    command, *words = [word.replace(f"$({KUBERNETES})", "2") for word in container["args"]]
    ask = read(command, words)
    assert (str(ask.into), ask.plans % job["spec"]["completions"]) == ("/results/shard-2", 0)
    (mount,) = container["volumeMounts"]
    assert str(ask.into).startswith(mount["mountPath"])
    (volume,) = job["spec"]["template"]["spec"]["volumes"]
    assert (volume["name"], volume["persistentVolumeClaim"]["claimName"]) == (mount["name"], claim["metadata"]["name"])
