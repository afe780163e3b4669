"""A real server under processes, with deployments whose runs wait: what a guard looks at, and its deploys and doors."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.engines.base import SiteSetup
from harness.engines.processes.engine import Processes
from harness.engines.sweep import of_run, sweep
from harness.lab.lab import Deadlines, Lab
from harness.lab.prefect_api import PrefectAPI
from harness.subjects.release import resolve_release
from harness.words.names import FORK, SERVER, SQLITE
from harness.words.waiting import NotYet, wait_until

FLOW, PLACE = "guarded", "project"
LATE, HELD, RETRYING = "Late", "AwaitingConcurrencySlot", "AwaitingRetry"
_FLOWS = '''\
"""One flow that ends at once, unless a file `hold` lies beside it; one that fails at first, and waits for its retry."""
import os
import time
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

HERE = Path(__file__).parent


def mark():
    file = os.open(HERE / "executed", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{flow_run.id}\\n".encode())
    os.close(file)


@flow(name="guarded")
def work(day: str = ""):
    mark()
    deadline = time.monotonic() + 900
    while (HERE / "hold").exists() and time.monotonic() < deadline:
        time.sleep(0.2)


@flow(name="guarded-retrying", retries=1, retry_delay_seconds=900)
def retrying(day: str = ""):
    mark()
    raise RuntimeError("it fails, as it is meant to")
'''


@dataclass
class Standing:
    """A server that stands. `programs` is a folder with `prefect`, aimed at it, and nothing of Docker's or uv's."""

    lab: Lab
    folder: Path
    programs: Path

    @property
    def api(self) -> PrefectAPI:
        return self.lab.api

    def declare(self, **deployments: dict[str, Any]) -> None:
        """Write the project's prefect.yaml: by name, what a deployment has beside what all have; `pool` is its own."""
        soon = datetime.now(timezone.utc) + timedelta(hours=12)  # no tick of its own comes due in a test
        said = [
            {
                "name": name,
                "entrypoint": "flow.py:work",
                "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": str(self.folder)}}],
                "tags": ["etl"],
                "parameters": {"day": name},
                "schedules": [{"cron": f"{soon.minute} {soon.hour} * * *"}],
                "work_pool": {"name": one.get("pool", name)},
                **{key: value for key, value in one.items() if key != "pool"},
            }
            for name, one in deployments.items()
        ]
        for pool in {one["work_pool"]["name"] for one in said}:
            self.lab.create_work_pool(pool)
        (self.folder / "prefect.yaml").write_text(json.dumps({"name": "guarded", "deployments": said}))

    def deploy(self, *names: str) -> None:
        """`prefect deploy` of these; all is well if their server knows them after it."""
        words = ["--no-prompt", "deploy", *(part for name in names for part in ("-n", name))]
        done = self.lab.deployer.run(words, cwd=str(self.folder), seconds=120)
        assert done.exit_code == 0, done.output

    def deployment(self, name: str, flow: str = FLOW) -> Any:
        return self.api.deployment(flow, name)

    def overdue(self, name: str, number: int = 3, flow: str = FLOW) -> list[str]:
        """Have runs of a deployment's schedule whose time has passed; returns their ids once all are late."""
        known, now = self.deployment(name, flow)["id"], datetime.now(timezone.utc)
        self.api.schedule_runs(known, now - timedelta(days=number), now, number)
        return self.waiting(known, LATE, number)

    def waiting(self, deployment: str, state: str, number: int) -> list[str]:
        """The ids of exactly so many runs of a deployment in this state, as soon as there are."""

        def there() -> list[str]:
            found = [run["id"] for run in self.api.flow_runs(deployments=[deployment]) if run["state_name"] == state]
            if len(found) != number:
                raise NotYet(f"{len(found)} of {number} runs are {state}")
            return found

        return wait_until(f"runs in {state}", there, seconds=120)

    def start_worker(self, pool: str) -> None:
        self.lab.start_worker(SimpleNamespace(name=pool, served_by="", worker_limit=None, prefetch_seconds=None), pool)

    def there(self, ids: Sequence[str]) -> list[str]:
        """Those of these runs that the server has, by their id."""
        return [known for known in ids if self.api.flow_run(known)[0] == 200]

    def completed(self, ids: Sequence[str], seconds: float = 240) -> None:
        """Returns once each of these runs has completed. Raises: DeadlineError."""

        def done() -> None:
            left = [run for run in self.api.flow_runs(ids=ids) if run["state_type"] != "COMPLETED"]
            if left:
                raise NotYet(f"{len(left)} of {len(ids)} are not: the first is {left[0]['state_name']}")

        wait_until("the runs to complete", done, seconds=seconds)

    def executed(self) -> list[str]:
        """The ids of the runs that were executed, one each time."""
        file = self.folder / "executed"
        return file.read_text().split() if file.exists() else []


@contextmanager
def standing(release: str, folder: Path) -> Iterator[Standing]:
    """A server of this release; nothing of it is left behind."""
    run, engine = f"test-{secrets.token_hex(4)}", Processes()
    with ExitStack() as undo:
        undo.callback(lambda: sweep(of_run(run)))
        undo.callback(engine.close)
        key = engine.build(resolve_release(release, engine.target()), print)
        engine.warm(key, run)
        keys = {SERVER: key}
        setup = SiteSetup(subject_keys=keys, database=SQLITE, run=run, lab="lab", folder=folder, start=FORK)
        lab = undo.enter_context(Lab(engine.site(setup), {SERVER: release}, Deadlines()))
        project = Path(lab.site.scenario_folder(PLACE))
        project.mkdir()
        (project / "flow.py").write_text(_FLOWS)
        (prefect,) = shlex.split(lab.deployer.shell(str(project)))
        (programs := folder / "programs").mkdir()
        (programs / "prefect").symlink_to(prefect)
        (programs / "env").symlink_to(str(shutil.which("env")))  # which that script calls
        yield Standing(lab, project, programs)


def environment(one: Standing) -> dict[str, str]:
    """What a person has who can run `prefect` and knows the server: no Docker and no uv are to be found."""
    home = os.fspath(one.programs)
    return {"PATH": home, "HOME": home, "PREFECT_API_URL": one.api.url}
