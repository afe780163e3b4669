"""What `guard check` says of a real backlog, beside what its default doors then do to it, on the default releases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.guard.foretold import UNKNOWN
from harness.guard.runs import AWAITING_RETRY, AWAITING_SLOT, OVERDUE, USER_CREATED
from harness.words.outcomes import LOST, SURVIVED
from tests.standing import HELD, LATE, RETRYING, Standing, environment, standing

pytestmark = pytest.mark.end_to_end

DOORS = ("prefect-deploy", "pause-deployment")
KINDS = (OVERDUE, AWAITING_SLOT, AWAITING_RETRY, USER_CREATED)
IDLE, BUSY = "idle", "busy"  # work pools: that of nobody, and that of a worker
OF_KIND: dict[str, dict[str, Any]] = {
    OVERDUE: {"pool": IDLE},
    AWAITING_SLOT: {"pool": BUSY, "concurrency_limit": 1},
    AWAITING_RETRY: {"pool": BUSY, "entrypoint": "flow.py:retrying"},
    USER_CREATED: {"pool": IDLE},
}


def flow_of(kind: str) -> str:
    return "guarded-retrying" if kind == AWAITING_RETRY else "guarded"


def staged(server: Standing) -> dict[tuple[str, str], list[str]]:
    """The runs that wait, by kind of backlog and the door that will be opened on their deployment."""
    cells = {(kind, door): f"{kind}--{door}" for kind in KINDS for door in DOORS}
    server.declare(**{name: OF_KIND[kind] for (kind, _), name in cells.items()})
    server.deploy(*cells.values())
    known = {cell: server.deployment(name, flow_of(cell[0]))["id"] for cell, name in cells.items()}
    for cell, deployment in known.items():
        if cell[0] == USER_CREATED:
            server.api.create_flow_run(deployment)
        else:
            server.overdue(cells[cell], 2, flow_of(cell[0]))
    (server.folder / "hold").touch()
    server.start_worker(BUSY)
    how = {OVERDUE: (LATE, 2), AWAITING_SLOT: (HELD, 1), AWAITING_RETRY: (RETRYING, 2), USER_CREATED: (LATE, 1)}
    return {cell: server.waiting(deployment, *how[cell[0]]) for cell, deployment in known.items()}


@pytest.mark.parametrize("release", ["3.3.3", "3.3.4"])
def test_a_check_foretells_what_its_doors_then_do(tmp_path: Path, release: str) -> None:
    with standing(release, tmp_path) as server:
        backlog = staged(server)
        file = tmp_path / "check.json"
        done = subprocess.run(
            [sys.executable, "-m", "harness", "guard", "check", "--json", str(file)],
            env={**os.environ, **environment(server)}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
        groups = {group["deployment"]: group for group in json.loads(file.read_text())["groups"]}
        foretold = {}
        for (kind, door), runs in backlog.items():
            group = groups[f"{flow_of(kind)}/{kind}--{door}"]
            assert (group["backlog"], group["runs"]) == (kind, len(runs))
            foretold[kind, door] = next(one["outcome"] for one in group["foretold"] if one["door"] == door)

        server.deploy(*(f"{kind}--prefect-deploy" for kind in KINDS))
        for kind in KINDS:
            known = server.deployment(f"{kind}--pause-deployment", flow_of(kind))["id"]
            server.api.call("POST", f"/deployments/{known}/pause_deployment")

        there = {cell: len(server.there(runs)) for cell, runs in backlog.items()}
        came = {cell: SURVIVED if there[cell] == len(runs) else LOST for cell, runs in backlog.items()}
        assert not [cell for cell, runs in backlog.items() if 0 < there[cell] < len(runs)]
        said = {cell: outcome for cell, outcome in foretold.items() if outcome != UNKNOWN}
        assert said == {cell: came[cell] for cell in said}
        assert foretold.keys() - said.keys() == {(USER_CREATED, "pause-deployment")}, "more was foretold, or less"
        assert set(came.values()) == {SURVIVED, LOST}, "a word that is always the same would be right, too"
