"""Builds a release into a Docker image: base, packages that the host resolved, byte code, its server's database."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker.errors
from docker.models.images import Image
from filelock import FileLock
from packaging.version import Version

import docker
from harness.engines.inside import FORK_SERVER, MAKE_DATABASE
from harness.subjects import overlays
from harness.subjects.release import Release, Target, install
from harness.words import cache
from harness.words.errors import LabError
from harness.words.ownership import LABEL_PROJECT, PROJECT, labels
from harness.words.places import ROOT
from harness.words.scratch import scratch_folder

PYTHON = "3.11"  # the one of Debian bookworm, so that both bases have the same
SUITE = "bookworm"
OFFICIAL_BASE = "python:3.11-slim-bookworm"
POSTGRES = "15"  # for the same reason
OFFICIAL_POSTGRES = f"postgres:{POSTGRES}-{SUITE}"
_DOCKER = ROOT / "docker"
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

Say = Callable[[str], None]


def target(client: docker.DockerClient) -> Target:
    """What the engine's images are resolved for."""
    machine = str(client.info().get("Architecture", "x86_64"))
    return Target(PYTHON, f"{_ARCHITECTURES.get(machine, machine)}-manylinux_2_28")


def build_image(client: docker.DockerClient, release: Release, say: Say) -> str:
    """The tag of the release's image; it is built if it is not there yet (about half a minute, without a network).

    Raises: LabError with the end of the build's log.
    """
    base = release.image or base_image(client, say)
    dockerfile = _DOCKER / ("given.Dockerfile" if release.image else "Dockerfile")
    recipe = dockerfile.read_bytes() + MAKE_DATABASE.read_bytes() + base.encode() + release.lock.encode()
    tag = f"{PROJECT}/subject:{release.version.replace('+', '-')}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    with FileLock(cache.folder("images") / f"{tag.rpartition(':')[2]}.lock-file"):
        if not _has_image(client, tag):
            say(f"building the image of {release.version}")
            with _build_context(dockerfile, MAKE_DATABASE) as context:
                if not release.image:
                    _fill_context(context, release, target(client))
                _docker_build(client, context, tag, base)
    forking = _with_fork_server(client, tag)
    return _with_overlays(client, forking, release.overlays) if release.overlays else forking


def _with_overlays(client: docker.DockerClient, subject: str, names: Sequence[str]) -> str:
    """The tag of a subject's image with overlays in it."""
    dockerfile = _DOCKER / "overlay.Dockerfile"
    recipe = dockerfile.read_bytes() + subject.encode() + overlays.digest(names).encode()
    tag = f"{subject.replace('/forking:', '/overlaid:')}-{hashlib.sha256(recipe).hexdigest()[:8]}"
    with FileLock(cache.folder("images") / f"{tag.rpartition(':')[2]}.lock-file"):
        if not _has_image(client, tag):
            with _build_context(dockerfile) as context:
                overlays.lay(names, context / overlays.FOLDER)
                _docker_build(client, context, tag, subject)
    return tag


def _with_fork_server(client: docker.DockerClient, subject: str) -> str:
    """The tag of a subject's image with the fork server in it."""
    dockerfile = _DOCKER / "fork.Dockerfile"
    modules = b"".join(file.read_bytes() for file in sorted(FORK_SERVER.glob("*.py")))
    recipe = dockerfile.read_bytes() + modules + subject.encode()
    tag = f"{subject.replace('/subject:', '/forking:')}-{hashlib.sha256(recipe).hexdigest()[:8]}"
    with FileLock(cache.folder("images") / f"{tag.rpartition(':')[2]}.lock-file"):
        if not _has_image(client, tag):
            with _build_context(dockerfile, FORK_SERVER) as context:
                _docker_build(client, context, tag, subject)
    return tag


# It is run by the Python that the image's own `prefect` runs on.
_INSPECT = """
import importlib.metadata, json, prefect
packages = sorted(f"{each.metadata['Name']}=={each.version}" for each in importlib.metadata.distributions())
print(json.dumps({"version": prefect.__version__, "packages": packages}))
"""
_BY_ITS_PYTHON = """exec $(head -n 1 "$(command -v prefect)" | sed 's/^#! *//') -c "$1" """


def inspect_image(client: docker.DockerClient, asked: str) -> Release:
    """What the image that `image:NAME` names holds. It is pulled if this engine has no image of that name.

    Raises: LabError if there is no such image, or no Prefect in it.
    """
    name = asked.partition(":")[2]
    try:
        image = client.images.get(name) if _has_image(client, name) else _pull(client, name)
        said = ask_image(client, str(image.id), ["sh", "-c", _BY_ITS_PYTHON, "inspect", _INSPECT])
        found = json.loads(said.splitlines()[-1])
        if not any(Version(found["version"]).release):
            said_nothing = f"the image {name} says it holds {found['version']}, which says nothing of what it can do"
            raise LabError(said_nothing, source="build")
    except (docker.errors.DockerException, OSError) as error:
        reason = getattr(error, "explanation", None) or getattr(error, "stderr", None) or error
        raise LabError(f"the image {name} cannot be used: {str(reason).strip()[-300:]}", source="build") from error
    except (ValueError, KeyError, IndexError) as error:
        raise LabError(f"the image {name} does not say which Prefect it holds", source="build") from error
    lock = "\n".join([f"# image {name}, {image.id}", *found["packages"]]) + "\n"
    return Release(asked, found["version"], str(image.attrs.get("Created", ""))[:19], lock, image=str(image.id))


def ask_image(client: docker.DockerClient, image: str, command: Sequence[str], **options: Any) -> str:
    """What a command prints on its standard output in a container of the image, without a network.

    `options` are those of the Docker SDK's `create`.

    The log is read after the command has ended and before its container is removed. `containers.run` of the Docker SDK
    follows the log instead, and now and then removes the container before it has read any of it.

    Raises: ContainerError with all that was printed, if the command fails; another DockerException or OSError, if it
    cannot be started or does not end within 60 s.
    """
    container = client.containers.create(
        image,
        entrypoint=list(command),
        command=[],
        network_mode="none",
        labels=labels(f"build-{secrets.token_hex(4)}"),
        **options,
    )
    try:
        container.start()
        code = container.wait(timeout=60)["StatusCode"]
        said = str(container.logs(stderr=code != 0).decode(errors="replace"))
    finally:
        container.remove(force=True)
    if code:
        raise docker.errors.ContainerError(container, code, list(command), image, said)
    return said


def _pull(client: docker.DockerClient, name: str) -> Image:
    tag = None if ":" in name.rpartition("/")[2] else "latest"  # without a tag, all of them would be pulled
    return client.images.pull(name, tag=tag)


def base_image(client: docker.DockerClient, say: Say) -> str:
    """The base image's id: one with Python."""
    return _official_or_made(client, OFFICIAL_BASE, f"{PROJECT}/base:{SUITE}-{_recipe('base.sh')}", (), say)


def postgres_tag() -> str:
    """The tag of the image that labs run PostgreSQL from."""
    return f"{PROJECT}/postgres:{POSTGRES}-{_recipe('base.sh', 'postgres.Dockerfile')}"


def build_postgres(client: docker.DockerClient, say: Say) -> None:
    """Build PostgreSQL's image if it is not there yet. Raises LabError with the end of the build's log."""
    with FileLock(cache.folder("images") / "postgres.lock-file"):
        if _has_image(client, postgres_tag()):
            return
        made = f"{PROJECT}/postgres-base:{SUITE}-{_recipe('base.sh')}"
        base = _official_or_made(client, OFFICIAL_POSTGRES, made, (f"postgresql-{POSTGRES}",), say)
        say("building the image of PostgreSQL")
        with _build_context(_DOCKER / "postgres.Dockerfile") as context:
            _docker_build(client, context, postgres_tag(), base)


def _recipe(*files: str) -> str:
    return hashlib.sha256(b"".join((_DOCKER / name).read_bytes() for name in files)).hexdigest()[:12]


def _official_or_made(client: docker.DockerClient, official: str, made: str, packages: Sequence[str], say: Say) -> str:
    """An image's id: of the one made here before, else of the official one, else of one made from Debian's packages.

    If two runs ask at once, one of them makes the image and the other waits.
    """
    with FileLock(cache.folder("images") / "base.lock-file"):
        for tag in (made, official):
            if _has_image(client, tag):
                return str(client.images.get(tag).id)
        say(f"looking for the image {official} in a registry")
        try:
            return str(client.images.pull(official).id)
        except (docker.errors.DockerException, OSError):
            say("no registry answers: making one from Debian's packages (one to two minutes, once)")
        _make_base(made, packages)
        return str(client.images.get(made).id)


def _make_base(tag: str, packages: Sequence[str]) -> None:
    """Run docker/base.sh. On an interrupt it is ended and waited for, so that it can remove its folder."""
    command = ["bash", str(_DOCKER / "base.sh"), tag, SUITE, *packages]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as making:
        try:
            log, _ = making.communicate()
        except BaseException:
            making.terminate()
            making.wait(timeout=60)
            raise
    if making.returncode:
        raise LabError("docker/base.sh could not make the base image", source="build", log=log.strip()[-4000:])


def _has_image(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


@contextmanager
def _build_context(dockerfile: Path, *needed: Path) -> Iterator[Path]:
    """A folder with a Dockerfile and these files and folders, for as long as an image is built from it."""
    context = scratch_folder(f"build-{secrets.token_hex(4)}")
    try:
        shutil.copy(dockerfile, context / "Dockerfile")
        for each in needed:
            if each.is_dir():
                shutil.copytree(each, context / each.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(each, context)
        yield context
    finally:
        shutil.rmtree(context, ignore_errors=True)


def _fill_context(context: Path, release: Release, built_for: Target) -> None:
    # A package without a wheel is built on this host, by the same version of Python as the image's.
    options = [*built_for.arguments(), "--python", built_for.python, "--target", str(context / "packages")]
    install(release, context / "subject.lock", *options)
    (context / ".dockerignore").write_text("**/__pycache__\n", encoding="utf-8")


def _docker_build(client: docker.DockerClient, context: Path, tag: str, base: str) -> None:
    try:
        client.images.build(
            path=str(context),
            tag=tag,
            buildargs={"BASE": base},
            labels={LABEL_PROJECT: PROJECT},
            network_mode="none",
            rm=True,
            forcerm=True,
            timeout=int(os.environ.get("DOCKER_CLIENT_TIMEOUT", "600")),
        )
    except docker.errors.BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)
        raise LabError(f"the image {tag} does not build: {error.msg}", source="build", log=log[-4000:]) from error
    except docker.errors.APIError as error:
        raise LabError(f"the image {tag} does not build: {error.explanation}", source="build") from error
