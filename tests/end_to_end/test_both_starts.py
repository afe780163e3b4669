"""A forked command says what a new process says, on each era of Prefect: its version, and each setting's source."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines.base import SiteSetup
from harness.engines.processes.engine import Processes
from harness.engines.sweep import of_run, sweep
from harness.subjects.release import resolve_release
from harness.words.names import EXEC, FORK, SERVER, SQLITE

pytestmark = pytest.mark.end_to_end

ERAS = ("2.20.20", "3.0.8", "3.3.4", "3.9.1")
COMMANDS = (
    ["version"],
    ["config", "view", "--show-sources"],
    ["config", "view", "--show-sources", "--show-defaults"],
    ["profile", "ls"],
    ["no-such-command"],
)
# Settings from everywhere that Prefect looks: a profile, and the files of a working directory (3.x).
PROFILE = 'active = "own"\n[profiles.own]\nPREFECT_LOGGING_LEVEL = "ERROR"\nPREFECT_CLI_PROMPT = "false"\n'
DOTENV = "PREFECT_LOGGING_SERVER_LEVEL=CRITICAL\nPREFECT_RESULTS_PERSIST_BY_DEFAULT=true\n"
TOML = "[runner]\npoll_frequency = 77\n\n[server.ui]\nenabled = false\n"


@pytest.fixture
def run() -> Iterator[str]:
    """The id of a run of which nothing is left behind."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    sweep(of_run(name))


@pytest.mark.parametrize("release", ERAS)
def test_commands_say_the_same_forked_and_anew(release: str, run: str, tmp_path: Path) -> None:
    engine = Processes()
    key = engine.build(resolve_release(release, engine.target()), print)
    said: dict[str, list[tuple[int, str]]] = {}
    engine.warm(key, run)
    try:
        for start in (FORK, EXEC):
            # The same lab, one after the other: the folders that commands print are the same.
            setup = SiteSetup(
                subject_keys={SERVER: key}, database=SQLITE, run=run, lab="lab", folder=tmp_path / start, start=start
            )
            with engine.site(setup) as site:
                assert (site.forks, site.not_forked) == (start == FORK, "")
                node = site.start_node("deployer", None)
                folder = Path(site.scenario_folder("here"))
                node.write(str(folder), {".env": DOTENV.encode(), "prefect.toml": TOML.encode()})
                node.write(str(folder.parents[1] / "deployer" / ".prefect"), {"profiles.toml": PROFILE.encode()})
                results = [node.run(command, cwd=str(folder), seconds=120) for command in COMMANDS]
                said[start] = [(result.exit_code, result.output) for result in results]
    finally:
        engine.close()
    for command, forked, anew in zip(COMMANDS, said[FORK], said[EXEC], strict=True):
        assert forked == anew, f"prefect {' '.join(command)}"
    (_, version), (_, view), *_ = said[FORK]
    assert release in version
    assert "PREFECT_LOGGING_LEVEL='ERROR' (from profile)" in view
    assert said[FORK][-1][0] != 0
