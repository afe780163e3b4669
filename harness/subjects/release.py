"""A release of Prefect: which one is meant, and its dependencies as they were the day after its upload.

With the dependencies of today many old releases do not start: newer FastAPI, SQLAlchemy or pydantic releases break
them. Upload times come from the package index through uv (PEP 700, in its PEP 751 lock format).
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event

import msgspec
from filelock import FileLock
from packaging.version import InvalidVersion, Version

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

from harness.subjects.uv_tool import STEERING, UvError, uv, uv_install
from harness.words import cache
from harness.words.errors import UsageError
from harness.words.files import write_whole

LATEST = "latest"


class Target(msgspec.Struct, frozen=True):
    """What a subject is resolved for: a Python (`3.11`) and a platform by uv's name (empty: this host's own).

    Source distributions are allowed. With wheels alone, 2.20.20 gets a pendulum of 2016, since no other release in its
    range has a wheel for Python 3.11, and cannot start with it.
    """

    python: str
    platform: str

    def arguments(self) -> list[str]:
        """The options of uv for this target."""
        platform = ["--python-platform", self.platform] if self.platform else []
        return ["--python-version", self.python, *platform]


class Release(msgspec.Struct, frozen=True):
    """A resolved subject.

    asked   what the person typed (`latest`, `3.3.3`)
    version of Prefect
    as_of   ISO 8601; packages uploaded later were not looked at
    lock    pinned requirements with hashes, as text
    note    if `latest` is not the index's newest final release: which was passed over, and why
    wheel   a person's own wheel of Prefect; the lock then holds its dependencies alone
    image   the id of a person's own image with Prefect in it; the lock then says what it holds
    roles   the subject of the worker or the deployer, if it is another than the server's
    overlays  the names of those that it is run with
    """

    asked: str
    version: str
    as_of: str
    lock: str
    note: str = ""
    wheel: Path | None = None
    image: str = ""
    roles: Mapping[str, Release] = {}
    overlays: Sequence[str] = ()


def _version(asked: str) -> str:
    """A release's number as PEP 440 writes it. Raises UsageError if it is not a number of a release."""
    try:
        return str(Version(asked))
    except InvalidVersion:
        raise UsageError(
            f"{asked!r} is not a subject. Give a Prefect release by number, such as 3.3.3, or {LATEST!r},\n"
            "or a wheel (wheel:PATH), a source tree (path:FOLDER), or an image (image:NAME)."
        ) from None


def check_release(asked: str) -> None:
    """Raises UsageError for a name that is neither a version nor `latest`. Nothing is looked up for that."""
    if asked != LATEST:
        _version(asked)


def resolve_release(asked: str, target: Target) -> Release:
    """The release of that name, with its lock. A release by number is looked up once, and then comes from the cache.

    Raises: UsageError if there is no such release (it names the nearest ones), UvError if the index cannot be reached
    or the release cannot be installed.
    """
    if asked == LATEST:
        return _resolve_latest(target)
    return _resolve_version(_version(asked), target)


def _resolve_version(version: str, target: Target) -> Release:
    path = _lock_path(version, target)
    with FileLock(path.with_suffix(".lock-file")):
        if not path.exists():
            uploaded = _uploaded(version, target)
            as_of = (uploaded + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            lock = _compile(f"prefect=={version}", target, as_of)
            write_whole(path, f"# prefect=={version} as of {as_of}\n{lock}")
    text = path.read_text(encoding="utf-8")
    as_of = text.partition("\n")[0].rpartition(" ")[2]
    return Release(version, _pinned(text), as_of, text)


def releases_between(first: str, last: str, target: Target, stop: Event) -> list[str]:
    """Every final release from `first` to `last`, both included, oldest first, as the person's own index has them.

    uv gives no list, so each minor version is walked down from its newest release. What was found is kept for a day.
    `stop` ends the walk early; the result then lacks releases. Raises: UvError if the index cannot be reached.
    """
    lines, lowest = [], f"prefect>={first}"
    newest = _newest(f"{lowest},<={last}", target)
    while newest and not stop.is_set():
        line = f"{newest.major}.{newest.minor}"
        lines.append(f"{lowest},<={newest},>={line}")
        newest = _newest(f"{lowest},<{line}", target)
    with ThreadPoolExecutor(max_workers=4) as pool:
        walks = pool.map(lambda requirement: list(_walk_down(requirement, target, stop)), lines)
        return [str(version) for version in sorted(version for walk in walks for version in walk)]


def _walk_down(requirement: str, target: Target, stop: Event) -> Iterator[Version]:
    version = _newest(requirement, target)
    while version and not stop.is_set():
        yield version
        version = _newest(f"{requirement},<{version}", target)


def _newest(requirement: str, target: Target) -> Version | None:
    """The newest release that fits a requirement, or None. Raises UvError if the index cannot be asked."""
    day = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    key = hashlib.sha256(f"{day} {requirement} {target}".encode()).hexdigest()
    kept = cache.folder("newest") / key
    if not kept.exists():
        try:
            text = _highest(requirement, target, "--no-deps")
        except UvError as error:
            if not _nothing_fits(error):
                raise
            text = ""
        write_whole(kept, text)
    found = kept.read_text(encoding="utf-8")
    return Version(found) if found else None


def _nothing_fits(error: UvError) -> bool:
    """Whether uv asked the index and found nothing that fits.

    If an index answers 401, 403 or 404, uv says the same, and also that the package is not there (seen with uv 0.9).
    """
    said = error.reason + error.log
    # rule: index-that-refuses (gives True)
    asked = not re.search("prefect was not found in the package registry|credentials", said)
    return asked and bool(re.search("no versions? of prefect|only prefect|incompatible|unsatisfiable", said))


def install(release: Release, lock: Path, *arguments: str) -> None:
    """Write the release's lock to `lock` and install it, and the person's wheel if there is one. Raises UvError."""
    lock.write_text(release.lock, encoding="utf-8")
    uv_install(lock, *arguments)
    if release.wheel:
        uv(["pip", "install", "--no-deps", *arguments, str(release.wheel)])


def _resolve_latest(target: Target) -> Release:
    newest = _highest("prefect", target, "--no-deps")
    note = ""
    try:
        release = _resolve_version(newest, target)
    except UvError as error:
        if not _nothing_fits(error):
            raise  # rule: latest-unless-unresolvable
        version = _highest(f"prefect<{newest}", target)
        note = f"{newest} is newer and was passed over: {error.reason}"
        release = _resolve_version(version, target)
    return Release(LATEST, release.version, release.as_of, release.lock, note)


QUIET = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")


def _compile(requirement: str, target: Target, as_of: str) -> str:
    options = [*QUIET, "--generate-hashes", "--exclude-newer", as_of]
    return uv(["pip", "compile", *options, *target.arguments(), "-"], stdin=requirement)


def _uploaded(version: str, target: Target) -> datetime:
    """When the release was uploaded (UTC). Raises UsageError if the index has no such release."""
    try:
        text = uv(
            ["pip", "compile", "--no-deps", "--format", "pylock.toml", *target.arguments(), "-"],
            stdin=f"prefect=={version}",
        )
    except UvError as error:
        if "no version of prefect" not in error.reason:
            raise
        raise UsageError(f"There is no Prefect {version}. {_nearest(version, target)}") from None
    package = next(p for p in tomllib.loads(text)["packages"] if p["name"] == "prefect")
    times = [
        file["upload-time"] for file in [*package.get("wheels", []), package.get("sdist", {})] if "upload-time" in file
    ]
    if not times:
        raise UvError(f"the package index gives no upload time for prefect {version} (PEP 700)", source="build")
    latest: datetime = max(moment.astimezone(timezone.utc) for moment in times)
    return latest


def _nearest(version: str, target: Target) -> str:
    found = []
    for requirement, extra in ((f"prefect<{version}", []), (f"prefect>{version}", ["--resolution", "lowest"])):
        try:
            found.append(_highest(requirement, target, "--no-deps", *extra))
        except UvError:
            continue
    return f"The nearest releases are {' and '.join(found)}." if found else "See the releases of prefect on the index."


def _highest(requirement: str, target: Target, *options: str) -> str:
    """The release that a requirement resolves to; with the option `--no-deps`, whatever its dependencies."""
    return _pinned(uv(["pip", "compile", *QUIET, *options, *target.arguments(), "-"], stdin=requirement))


def _pinned(text: str) -> str:
    match = re.search(r"^prefect==(\S+)", text, flags=re.MULTILINE)
    if match is None:
        raise UvError(f"uv resolved no prefect: {text[:200]}", source="build")
    return match.group(1)


def _lock_path(version: str, target: Target) -> Path:
    """Where a lock is cached. Files that steer uv are part of its name, since they change what it resolves to."""
    steering = hashlib.sha256()
    for name in STEERING:
        for path in os.environ.get(name, "").split():
            if Path(path).is_file():
                steering.update(Path(path).read_bytes())
    target_name = f"py{target.python}-{target.platform or sys.platform}"
    return cache.folder("locks") / f"prefect-{version}-{target_name}-{steering.hexdigest()[:8]}.txt"
