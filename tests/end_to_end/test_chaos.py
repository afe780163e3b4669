"""Plans of chaos on real Prefect: the loss of the report, and an interrupt while a worker is frozen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.words import ownership
from harness.words.waiting import NotYet, wait_until

pytestmark = pytest.mark.end_to_end

A = "plan: 1\ndeployments:\n- {name: a, schedule: cron */5 * * * *}\nsteps:\n"
LOST = """\
- {do: hurt, fault: worker-killed}
- {do: move-clock, minutes: 11}
- {do: wait, until: late, of: a}
- {do: open, door: prefect-deploy, of: a}
"""
INTERRUPTED = """\
- {do: hurt, fault: worker-killed}
- {do: move-clock, minutes: 11}
- {do: wait, until: late, of: a}
- {do: interrupt, fault: server-killed, seconds: 3}
- {do: open, door: prefect-deploy, of: a}
- {do: interrupt, fault: server-frozen, seconds: 0}
- {do: lift, fault: worker-killed}
- {do: interrupt, fault: server-stopped, seconds: 3}
"""
FROZEN = "- {do: hurt, fault: worker-frozen}\n" + 10 * "- {do: wait, until: late, of: a}\n"


def command(folder: Path, steps: str, subject: str) -> list[str]:
    (folder / "plan.yaml").write_text(A + steps, encoding="utf-8")
    said = [sys.executable, "-m", "harness", "chaos", "--plan", str(folder / "plan.yaml"), "--subject", subject]
    return [*said, "--engine", "processes", "--results", str(folder / "results")]


@pytest.mark.parametrize(("subject", "came_to"), [("3.3.3", "broken"), ("3.3.4", "kept")])
def test_a_plan_finds_the_loss_of_the_report_where_it_is(subject: str, came_to: str, tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path, LOST, subject), check=False, capture_output=True, text=True, timeout=900)
    (file,) = (tmp_path / "results").glob("chaos-*/chaos.json")
    (plan,) = json.loads(file.read_text(encoding="utf-8"))["plans"]
    assert plan["promises"]["overdue"]["came_to"] == came_to, done.stdout
    assert plan["promises"]["overdue"]["known"] == ("PrefectHQ/prefect#17764" if subject == "3.3.3" else "")
    assert done.returncode == 0, done.stdout


def test_a_server_that_is_interrupted_comes_back_with_all_that_it_had(tmp_path: Path) -> None:
    said = command(tmp_path, INTERRUPTED, "3.3.4")
    done = subprocess.run(said, check=False, capture_output=True, text=True, timeout=900)
    (file,) = (tmp_path / "results").glob("chaos-*/chaos.json")
    (plan,) = json.loads(file.read_text(encoding="utf-8"))["plans"]
    came_to = {name: plan["promises"][name]["came_to"] for name in ("overdue", "ticks", "comeback", "durable")}
    assert set(came_to.values()) == {"kept"}, done.stdout
    assert done.returncode == 0, done.stdout


def test_an_interrupt_leaves_nothing_behind_though_a_worker_is_frozen(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, FROZEN, "3.3.4"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:

        def frozen() -> str:
            assert process.poll() is None, "it ended before the worker was frozen"
            histories = list((tmp_path / "results").glob("chaos-*/plans/plan-1/trials/*/history.jsonl"))
            if not any('"frozen"' in history.read_text(encoding="utf-8") for history in histories):
                raise NotYet(f"{len(histories)} histories")
            return histories[0].parents[4].name.removeprefix("chaos-")

        try:
            run = wait_until("a frozen worker", frozen, seconds=600, every=0.2)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130
    left = [
        one for one in psutil.process_iter(["environ"]) if (one.info["environ"] or {}).get(ownership.ENV_RUN) == run
    ]
    assert left == []
