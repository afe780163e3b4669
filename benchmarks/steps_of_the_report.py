"""The reporter's steps of PrefectHQ/prefect#17764 with Prefect's default settings, beside `harness reproduce`.

python benchmarks/steps_of_the_report.py [RELEASE ...]      3.3.3 and 3.3.4 unless said otherwise; processes

As a person would go about it: a server and a worker, a deployment whose flow takes 25 s every 10 s, the worker killed
until three runs are Late, worker and `prefect deploy` again; then the same deployment with a concurrency limit of 1
until three runs wait for a slot, and `prefect deploy` again. What is left is looked up by id; there is no twin and no
drain. Times are wall time, one after the other in one call, so that they share the machine's mood: read the ratio.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.engines import settings
from harness.engines.base import Node, SiteSetup
from harness.engines.processes.engine import Processes
from harness.engines.sweep import of_run, sweep
from harness.lab.prefect_api import PrefectAPI
from harness.subjects.release import resolve_release
from harness.words.costs import children_seconds
from harness.words.names import SERVER, SQLITE
from harness.words.scratch import scratch_folder
from harness.words.waiting import NotYet, wait_until

POOL, NEEDED = "pool", 3
FLOW = """
import time
from prefect import flow

@flow
def generic_flow():
    time.sleep(25)
"""
DEPLOYMENT = """
deployments:
- name: {name}
  entrypoint: simple_flow.py:generic_flow
  work_pool: {{name: pool}}
  {limit}
  pull: [{{prefect.deployments.steps.set_working_directory: {{directory: "{folder}"}}}}]
  schedules:
  - interval: 10
    slug: default-schedule
    timezone: UTC
    active: true
"""


def as_a_person(release: str) -> dict[str, tuple[float, int, int]]:
    """Of the steps for Late, and of those for the slot: seconds, how many were waiting, how many of them were left."""
    # Prefect's own defaults but for what would start a server elsewhere, or speak to the outside.
    settings.OF_THE_SERVER, settings.WORKER = {}, {}
    engine = Processes()
    environment = engine.build(resolve_release(release, engine.target()), print)
    run = f"benchmark-{secrets.token_hex(4)}"
    found = {}
    try:
        setup = SiteSetup(
            subject_keys={SERVER: environment}, database=SQLITE, run=run, lab="lab", folder=scratch_folder(run)
        )
        with engine.site(setup) as site:
            started = time.monotonic()
            _, url = site.start_server({})
            with PrefectAPI(url) as api:
                wait_until("the server", lambda: None if api.healthy() else fail(), seconds=300)
                api.create_work_pool(POOL)
                person = Person(api, site.start_node("deployer", None), site.scenario_folder("person"))
                worker = site.start_node("worker-1", ["worker", "start", "--pool", POOL, "--type", "process"])
                person.deploy("late")
                person.wait("COMPLETED", "Completed", 1)
                worker.kill()
                late = person.wait("SCHEDULED", "Late", NEEDED)
                worker.start()
                person.deploy("late")
                found["Late"] = (time.monotonic() - started, len(late), person.left(late))
                person.stop_scheduling()
                started = time.monotonic()
                person.deploy("slot", "concurrency_limit: 1")
                waiting = person.wait("SCHEDULED", "AwaitingConcurrencySlot", NEEDED)
                person.deploy("slot", "concurrency_limit: 1")
                found["AwaitingConcurrencySlot"] = time.monotonic() - started, len(waiting), person.left(waiting)
    finally:
        sweep(of_run(run))
    return found


def fail() -> None:
    raise NotYet("not healthy")


class Person:
    """Who deploys, and looks at what there is."""

    def __init__(self, api: PrefectAPI, deployer: Node, folder: str) -> None:
        self._api, self._deployer, self._folder = api, deployer, folder
        self._deployment = ""

    def deploy(self, name: str, limit: str = "") -> None:
        """`prefect deploy`."""
        text = DEPLOYMENT.format(name=name, limit=limit, folder=self._folder)
        self._deployer.write(self._folder, {"prefect.yaml": text.encode(), "simple_flow.py": FLOW.encode()})
        done = self._deployer.run(["--no-prompt", "deploy", "-n", name], cwd=self._folder, seconds=300)
        if done.exit_code:
            sys.exit(f"prefect deploy exited {done.exit_code}:\n{done.output[-2000:]}")
        self._deployment = self._api.deployment("generic-flow", name)["id"]

    def wait(self, state_type: str, name: str, number: int) -> list[str]:
        """Until so many runs of the deployment are in this state; returns their ids."""

        def there() -> list[str]:
            runs = self._api.flow_runs(deployments=[self._deployment])
            ids = [str(run["id"]) for run in runs if (run["state_type"], run["state_name"]) == (state_type, name)]
            if len(ids) < number:
                raise NotYet(", ".join(sorted(str(run["state_name"]) for run in runs)))
            return ids

        return wait_until(f"{number} runs {name}", there, seconds=900, every=1)

    def left(self, ids: list[str]) -> int:
        """How many of these runs are still there."""
        return sum(self._api.flow_run(run)[0] == 200 for run in ids)

    def stop_scheduling(self) -> None:
        """Take the deployment away, so that the next has the machine to itself."""
        with suppress(Exception):
            self._api.call("DELETE", f"/deployments/{self._deployment}")


def ours(releases: list[str], results: Path) -> tuple[float, dict[str, Any], int]:
    """Seconds of `harness reproduce`, what its run.json says of them, and its exit code."""
    command = [sys.executable, "-m", "harness", "reproduce", "--engine", "processes", "--results", str(results)]
    command += [part for release in releases for part in ("--subject", release)]
    started = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    seconds = time.monotonic() - started
    facts = json.loads((results / "latest" / "run.json").read_text(encoding="utf-8"))
    return seconds, facts, code


def main() -> None:
    """Both, and the ratio."""
    releases = sys.argv[1:] or ["3.3.3", "3.3.4"]
    with tempfile.TemporaryDirectory() as folder:
        seconds, facts, code = ours(releases, Path(folder))
    by_hand, used = 0.0, children_seconds()
    for release in releases:
        for state, (spent, waiting, left) in as_a_person(release).items():
            by_hand += spent
            print(f"by hand, {release}, {state}: {left} of {waiting} left, {spent:.0f} s")
    used = children_seconds() - used
    print(f"by hand: {by_hand:.0f} s, {used:.0f} CPU s, without twins, drain and evidence")
    print(f"harness reproduce: {seconds:.0f} s, {facts['cpu_seconds']:.0f} CPU s, exit {code}")
    for lab, costs in facts["labs"].items():
        for phase, spent in costs["phases"].items():
            print(f"  {lab}, {phase}: {spent['seconds']:.1f} s, {spent['cpu_seconds']:.1f} CPU s")
        print(f"  {lab} waited for: " + "; ".join(f"{what}, {spent:.0f} s" for what, spent in costs["waits"].items()))
    print(f"ratio: {by_hand / seconds:.1f}")


if __name__ == "__main__":
    main()
