"""An image of a person's own: what it holds is asked of it, and it is made to run as labs do."""

from __future__ import annotations

import io
from collections.abc import Iterator

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
RUN printf '%s\n' '#!/elsewhere/bin/python' 'import os, prefect, sys' \
    'said = " ".join([prefect.__version__, sys.prefix, *sys.argv[1:]])' \
    'open(os.environ["PREFECT_HOME"] + "/prefect.db", "w").write(said)' > /elsewhere/bin/prefect
RUN chmod 755 /elsewhere/bin/prefect
ENV PATH=$PATH:/elsewhere/bin
ENTRYPOINT ["/nothing/that/is/there"]
"""

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.containers,
    pytest.mark.usefixtures("docker_engine"),
]


@pytest.fixture
def engine() -> Containers:
    return Containers()


@pytest.fixture
def given(engine: Containers) -> Iterator[str]:
    """The name of an image that is none of the harness's."""
    text = DOCKERFILE.format(base=base_image(engine.client, print))
    name = f"{PROJECT}/given:test"
    engine.client.images.build(fileobj=io.BytesIO(text.encode()), tag=name, labels={LABEL_PROJECT: PROJECT}, rm=True)
    yield name
    engine.client.images.remove(name, force=True)


def test_an_image_is_asked_what_it_holds_and_runs_by_its_own_prefect(engine: Containers, given: str) -> None:
    release = engine.resolve_image(f"image:{given}")
    assert (release.version, release.image) == ("9.9.9", engine.client.images.get(given).id)
    assert release.as_of and given in release.lock
    tag = engine.build(release, print)
    try:
        made = ask_image(engine.client, tag, ["cat", "/home/subject/.prefect/prefect.db"])
        assert made == "9.9.9 /elsewhere server database reset -y"
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
