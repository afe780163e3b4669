"""A person's project is read without running any of it, and what cannot be read is said in three lines at most."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

import pytest

from harness.projects.read import Project, read_project
from harness.projects.signature import Parameter, read_signature
from harness.words.errors import UsageError

FLOW = """\
    import a_package_that_is_not_installed
    raise SystemExit("a flow's source was run")

    @flow(name="Capture")
    def capture(day: str, retries: int = 2, *, options={"dry": True}, at=now()):
        pass

    @flow
    async def treat_gps():
        pass
    """
YAML = """\
    name: transport
    prefect-version: 3.4.3
    build: null
    pull:
      - prefect.deployments.steps.git_clone: {repository: "https://example.org/x"}
    definitions:
      schedules:
        hourly: &hourly
          - {cron: "0 * * * *", timezone: America/Sao_Paulo, slug: hourly, parameters: {retries: 5}}
    deployments:
      - name: capture
        entrypoint: flows/all.py:capture
        schedules: *hourly
        concurrency_limit: 1
        collision_strategy: CANCEL_NEW
        version: "{{ get-commit.stdout }}"
        work_pool:
          name: kubernetes
          work_queue_name: fast
          job_variables: {image: "{{ image }}"}
      - name: treat
        entrypoint: flows/all.py:treat_gps
        triggers: [{type: event}]
    """
_TREAT = "- name: treat\n    entrypoint: flows/all.py:treat_gps"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "all.py").write_text(textwrap.dedent(FLOW))
    (folder / "prefect.yaml").write_text(textwrap.dedent(YAML))
    return folder


def refused(folder: Path, ref: str = "") -> str:
    with pytest.raises(UsageError) as error:
        read_project(folder, ref)
    said = str(error.value)
    assert len(said.splitlines()) <= 3
    return said


def changed(project: Path, old: str, new: str) -> Path:
    file = project / "prefect.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return project


def test_a_deployment_keeps_what_its_deployer_reads_and_loses_what_would_run_something(project: Path) -> None:
    capture, treat = read_project(project).deployments
    assert (capture.key, treat.key) == ("Capture/capture", "treat-gps/treat")
    assert capture.fields == {
        "schedules": [
            {"cron": "0 * * * *", "timezone": "America/Sao_Paulo", "slug": "hourly", "parameters": {"retries": 5}}
        ],
        "concurrency_limit": 1,
        "collision_strategy": "CANCEL_NEW",  # at the wrong level, as its author wrote it
        "version": "get-commit.stdout",
    }
    assert capture.queue == "fast"
    assert treat.fields == {}
    said = " ".join([*read_project(project).notes, *capture.notes, *treat.notes])
    for each in ("`pull:` of the whole file", "job variables", "placeholder in `version:`", "`triggers:`"):
        assert each in said
    assert "build" not in said, "there is no build step"


def test_a_flow_has_the_parameters_of_its_source(project: Path) -> None:
    (capture, treat) = read_project(project).deployments
    assert list(capture.parameters) == [
        Parameter("day"), Parameter("retries", 2), Parameter("options", {"dry": True}), Parameter("at")
    ]  # fmt: skip
    assert list(treat.parameters) == []


def test_a_method_has_no_self_and_a_function_under_a_condition_is_found() -> None:
    source = "if True:\n    class Job:\n        @flow\n        def run(self, day=1): ...\n"
    assert read_signature(source, "Job.run", "it").parameters == [Parameter("day", 1)]


def test_a_commit_is_read_and_the_working_tree_beside_it(project: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "first")
    changed(project, "concurrency_limit: 1", "concurrency_limit: 7")

    def limit(of: Project) -> object:
        return of.deployments[0].fields["concurrency_limit"]

    assert (limit(read_project(project, "HEAD")), limit(read_project(project))) == (1, 7)
    assert "no-such-branch" in refused(project, "no-such-branch")
    assert refused(project, "--output=/tmp/x") == "'--output=/tmp/x' names no commit."


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("deployments:", "deployment:", "no list `deployments:`"),
        ("name: transport", "name: [", "not YAML"),
        ("flows/all.py:capture", "flows.all.capture", "Only path/to/file.py:function"),
        ("flows/all.py:capture", "../all.py:capture", "outside of the project"),
        ("flows/all.py:capture", "/etc/hosts.py:capture", "outside of the project"),
        ("flows/all.py:capture", "flows/none.py:capture", "no flows/none.py"),
        ("flows/all.py:capture", "flows/all.py:nothing", "declares no function 'nothing'"),
        ("name: capture", "name: 7", "cannot be rehearsed: 7"),
        ("0 * * * *", "{{ $CRON }}", "a placeholder"),
        (_TREAT, _TREAT.replace("treat_gps", "capture").replace("treat\n", "capture\n"), "twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_rehearsed_is_refused_with_the_next_step(project: Path, old: str, new: str, says: str) -> None:
    assert says in refused(changed(project, old, new))


def test_a_source_that_is_no_python_and_a_folder_that_is_not_there_are_refused(project: Path) -> None:
    (project / "flows" / "all.py").write_text("def capture(:")
    assert "not Python" in refused(project)
    assert "--project DIR" in refused(project / "elsewhere")
    (project / "prefect.yaml").write_text("x" * (1 << 20) + "y")
    assert "more than" in refused(project)
