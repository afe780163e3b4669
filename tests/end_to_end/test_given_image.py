"""An image of a person's own: what it holds is asked of it, and it is made to run as labs do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines.containers import Containers
from harness.errors import LabError
from harness.ownership import LABEL_PROJECT, PROJECT
from harness.subjects.image import ask_image, base_image

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
def given(engine: Containers, tmp_path: Path) -> Iterator[str]:
    """The name of an image that is none of the harness's."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(base=base_image(engine.client, print)))
    (tmp_path / "prefect").write_text(SERVER)
    name = f"{PROJECT}/given:test"
    engine.client.images.build(path=str(tmp_path), tag=name, labels={LABEL_PROJECT: PROJECT}, rm=True)
    yield name
    engine.client.images.remove(name, force=True)


def test_an_image_is_asked_what_it_holds_and_runs_by_its_own_prefect(engine: Containers, given: str) -> None:
    release = engine.resolve_image(f"image:{given}")
    assert (release.version, release.image) == ("9.9.9", engine.client.images.get(given).id)
    assert release.as_of and given in release.lock
    tag = engine.build(release, print)
    try:
        made = ask_image(engine.client, tag, ["python3", "-c", ASK_DATABASE])
        assert made.strip() == "('9.9.9 /elsewhere server start --host 127.0.0.1 --port',)"
        version = ask_image(engine.client, tag, ["python3", "-c", "import prefect; print(prefect.__version__)"])
        assert version.strip() == "9.9.9"
    finally:
        engine.client.images.remove(tag, force=True)


@pytest.mark.parametrize("name", ["without Prefect", "nowhere.invalid/prefect:1"])
def test_an_image_without_prefect_or_none_at_all_is_an_error_that_says_so(engine: Containers, name: str) -> None:
    there = base_image(engine.client, print) if name == "without Prefect" else name
    with pytest.raises(LabError, match="cannot be used") as refused:
        engine.resolve_image(f"image:{there}")
    assert len(refused.value.reason.splitlines()) <= 3
