"""An image of a person's own: what it holds is asked of it, and it is made to run as labs do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engines.containers.engine import Containers
from harness.engines.containers.image import ask_image, base_image
from harness.subjects.kinds import resolve
from harness.words.errors import LabError
from harness.words.ownership import LABEL_PROJECT, PROJECT
from tests.end_to_end.test_reproduce import reproduce

# No Prefect, and a Python that is not the image's first: what matters is which `prefect` is found, and what it runs on.
DOCKERFILE = r"""
FROM {base}
RUN python3 -m venv --without-pip /elsewhere && mkdir /elsewhere/lib/python3.11/site-packages/prefect
RUN echo '__version__ = "9.9.9"' > /elsewhere/lib/python3.11/site-packages/prefect/__init__.py
COPY prefect /elsewhere/bin/prefect
RUN chmod 755 /elsewhere/bin/prefect
ENV PATH=$PATH:/elsewhere/bin PREFECT_API_DATABASE_CONNECTION_URL=postgresql+asyncpg://the.person.own/database
ENTRYPOINT ["/nothing/that/is/there"]
"""

# A server that is healthy, and that writes down what it was started with.
SERVER = r"""#!/elsewhere/bin/python
import os, prefect, sqlite3, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

said = [prefect.__version__, sys.prefix, *sys.argv[1:-1], os.environ.get("PREFECT_API_DATABASE_CONNECTION_URL", "")]
with sqlite3.connect(os.environ["PREFECT_HOME"] + "/prefect.db") as database:
    database.execute("create table started as select ? as how", [" ".join(said).strip()])
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Healthy).serve_forever()
"""
# A release as an image of a person's own may hold it: in a place of its own, its `prefect` among other programs.
WITH_A_RELEASE = r"""
FROM {subject}
USER 0
RUN mv /opt/subject /elsewhere && rm -r /home/subject/.prefect
RUN printf '#!%s\nimport sys\nfrom prefect.cli import app\nsys.exit(app())\n' "$(command -v python3)" > /usr/bin/prefect
RUN chmod 755 /usr/bin/prefect
ENV PYTHONPATH=/elsewhere
"""
ASK_DATABASE = (
    "import sqlite3; print(*sqlite3.connect('/home/subject/.prefect/prefect.db').execute('select how from started'))"
)

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.containers,
    pytest.mark.usefixtures("docker_engine"),
]


@pytest.fixture
def engine() -> Containers:
    return Containers()


@pytest.fixture
def build_given(engine: Containers, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Builds an image of a Dockerfile that is none of the harness's; returns its name. What is made of it goes too."""
    mark = f"{PROJECT}.test={secrets.token_hex(4)}"  # which an image inherits from the one it is made from

    def build(dockerfile: str) -> str:
        (tmp_path / "Dockerfile").write_text(dockerfile)
        (tmp_path / "prefect").write_text(SERVER)
        name = f"{PROJECT}/given:{secrets.token_hex(4)}"
        marked = dict([mark.split("=")])
        engine.client.images.build(path=str(tmp_path), tag=name, labels={LABEL_PROJECT: PROJECT, **marked}, rm=True)
        return name

    yield build
    for image in engine.client.images.list(filters={"label": mark}):
        for tag in image.tags:
            engine.client.images.remove(tag, force=True)


@pytest.fixture
def given(engine: Containers, build_given: Callable[[str], str]) -> str:
    """The name of an image with a Prefect that only answers to its health."""
    return build_given(DOCKERFILE.format(base=base_image(engine.client, print)))


def test_an_image_is_asked_what_it_holds_and_runs_by_its_own_prefect(engine: Containers, given: str) -> None:
    release = engine.resolve_image(f"image:{given}")
    assert (release.version, release.image) == ("9.9.9", engine.client.images.get(given).id)
    assert release.as_of and given in release.lock
    tag = engine.build(release, print)
    made = ask_image(engine.client, tag, ["python3", "-c", ASK_DATABASE])
    assert made.strip() == "('9.9.9 /elsewhere server start --host 127.0.0.1 --port',)"
    version = ask_image(engine.client, tag, ["python3", "-c", "import prefect; print(prefect.__version__)"])
    assert version.strip() == "9.9.9"


def test_the_processes_of_such_an_image_are_forked(
    engine: Containers, build_given: Callable[[str], str], tmp_path: Path
) -> None:
    subject = engine.build(resolve("3.3.4", engine.target(), engine.resolve_image), print)
    name = build_given(WITH_A_RELEASE.format(subject=subject))
    options = ["--engine", "containers", "--scenario", "worker-outage", "--subject", f"image:{name}"]
    code, content, printed = reproduce(tmp_path, *options, command="gate")
    (trial,) = content["trials"]
    assert (code, trial["outcome"], trial["version"], trial["start"]) == (0, "survived", "3.3.4", "fork"), printed
    history = (tmp_path / "latest" / trial["folder"] / "history.jsonl").read_text(encoding="utf-8")
    assert '"kind": "steady-state"' in history and '"kind": "not-forked"' not in history


@pytest.mark.parametrize("name", ["without Prefect", "nowhere.invalid/prefect:1"])
def test_an_image_without_prefect_or_none_at_all_is_an_error_that_says_so(engine: Containers, name: str) -> None:
    there = base_image(engine.client, print) if name == "without Prefect" else name
    with pytest.raises(LabError, match="cannot be used") as refused:
        engine.resolve_image(f"image:{there}")
    assert len(refused.value.reason.splitlines()) <= 3
