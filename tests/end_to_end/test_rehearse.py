"""A person's own project, outside of the checkout: what its next deploy would do to its backlog."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.store.results import read_results

pytestmark = pytest.mark.end_to_end

FLOWS = '''\
    """A flow of a person's own, with a package that only they have."""
    import a_package_of_their_own

    raise SystemExit("the person's code was run")


    @flow(name="Capture transactions")
    def capture(recapture: bool = False):
        a_package_of_their_own.capture(recapture)
    '''
# Two schedules that meet at each full hour, with parameters of their own, and a collision strategy at the wrong level.
FILE = """\
    name: transport
    prefect-version: 3.4.3
    pull:
      - prefect.deployments.steps.git_clone: {repository: "https://example.org/transport"}
    deployments:
      - name: capture
        entrypoint: flows/all.py:capture
        concurrency_limit: 2
        collision_strategy: CANCEL_NEW
        work_pool: {name: kubernetes, job_variables: {image: "{{ image }}"}}
        schedules:
          - {cron: "*/30 * * * *", timezone: America/Sao_Paulo, slug: often}
          - {cron: "0 * * * *", timezone: America/Sao_Paulo, slug: hourly, parameters: {recapture: true}}
    """


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "transport"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "all.py").write_text(textwrap.dedent(FLOWS))
    (folder / "prefect.yaml").write_text(textwrap.dedent(FILE))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    text = (folder / "prefect.yaml").read_text()
    (folder / "prefect.yaml").write_text(text.replace('"*/30 * * * *"', '"*/20 * * * *"'))
    return folder


def test_the_next_deploy_of_a_project_loses_its_backlog_on_3_3_3_and_keeps_it_on_3_3_4(
    project: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "rehearse", "--project", str(project), "--engine", "processes",
         "--subject", "3.3.3", "--subject", "3.3.4", "--most-runs", "3", "--results", str(results)],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-2000:]
    run = results / "latest"
    old, new = read_results(run).trials
    assert [(each.version, each.outcome, each.at_risk, each.lost) for each in (old, new)] == [
        ("3.3.3", "lost", 3, 3),
        ("3.3.4", "survived", 3, 0),
    ]
    assert "the person's code was run" not in "".join(path.read_text() for path in run.glob("trials/*/logs/*.log"))
    told = (run / "rehearsal.md").read_text()
    assert "| Capture transactions/capture | 3.3.3 | 3 | 3 |" in told
    assert "| `cron */30 * * * * America/Sao_Paulo` | on | not there | not there | removed |" in told
    assert "| `cron */20 * * * * America/Sao_Paulo` | not there | on | on | new |" in told
    assert f"again:    nox -s rehearse -- --project {project}" in done.stdout
