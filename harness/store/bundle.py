"""One archive of a run for somebody who was not there: its text, secrets masked, this machine's paths taken out."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness.store.campaigns import is_campaign, read_campaign
from harness.store.checksums import NAME, files_of, line
from harness.store.results import read_results, read_run
from harness.words import cache
from harness.words.errors import UsageError
from harness.words.names import PNG
from harness.words.places import ROOT
from harness.words.redaction import redact
from harness.words.scratch import scratch_root

SUFFIX = ".tar.gz"
_LARGEST = 2 * 2**30  # what an archive may hold, unpacked; a run of a thousand trials has a tenth of it
_LARGEST_FILE = 2**28  # and one file of it: a long history has some MiB


def places(results: Path) -> dict[str, str]:
    """The folders of this machine that evidence may name, by what they are."""
    named = {
        "results": results.resolve(),
        "harness": ROOT,
        "cache": cache.root(),
        "scratch": scratch_root(),
        "home": Path.home(),
    }
    return {name: str(path) for name, path in named.items()}


def bundle(run: Path, into: Path) -> list[str]:
    """Write the archive of a run's folder; returns the files that were left out because they are no text.

    A saved database is such a file: nothing can be masked in it. Files are in alphabetical order and of no date, so
    that two bundles of one run are the same. Raises: UsageError for what is no run, or where it cannot be written.
    """
    read_campaign(run) if is_campaign(run) else read_results(run)
    if run.resolve() in into.resolve().parents:  # rule: bundle-not-over-its-run
        raise UsageError(f"{str(into)!r} would lie in the run itself; name a file elsewhere with --into.")
    where = {**places(run.resolve().parent), **(read_run(run).places or {})}
    left_out, sums = [], []
    root = run.resolve().name
    try:
        with (
            into.open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for name, path in files_of(run):
                if not name.isprintable():
                    raise UsageError(f"{name!r} is no name of a run's file; take it away first.")
                content = path.read_bytes()
                if path.name != PNG:  # which is drawn from what was masked already, and names no folder
                    try:
                        content = _cleaned(content.decode(), where).encode()
                    except ValueError:
                        left_out.append(name)
                        continue
                sums.append(line(name, content))
                _add(tar, f"{root}/{name}", content)
            _add(tar, f"{root}/{NAME}", "".join(sums).encode())
    except OSError as error:
        raise UsageError(f"{str(into)!r} cannot be written: {error.strerror or error}.") from None
    return left_out


def _cleaned(text: str, where: Mapping[str, str]) -> str:
    """A text without secrets, and with `{results}` and the like in place of this machine's folders."""
    for name, path in sorted(where.items(), key=lambda item: len(item[1]), reverse=True):
        if len(path) > 1:  # rule: bundle-no-folders
            # rule: bundle-no-folders-in-json (without last)
            for written in (path, json.dumps(path)[1:-1]):  # as it stands in JSON, where it has other letters
                text = text.replace(written, f"{{{name}}}")
    return redact(text)  # rule: bundle-no-secrets (unwrapped)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


def is_bundle(path: Path) -> bool:
    """Whether a path names an archive rather than a folder."""
    return path.is_file()


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a bundle into an empty folder; returns the run's folder in it.

    Nothing is written outside of `into`, whatever the archive says. Raises: UsageError for what is no bundle.
    """
    unpacked = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isdir():  # an archive that was packed again by hand names its folders
                    continue
                name = PurePosixPath(member.name)
                unpacked += member.size
                too_large = unpacked > _LARGEST or member.size > _LARGEST_FILE  # rule: bundle-file-size (without last)
                if (
                    not member.isfile()
                    or name.is_absolute()
                    or ".." in name.parts  # rule: bundle-stays-inside
                    or too_large
                ):
                    raise UsageError(f"{str(archive)!r} holds {member.name!r}, which no bundle does.")
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                with target.open("wb") as file:
                    shutil.copyfileobj(content or io.BytesIO(), file)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise UsageError(f"{str(archive)!r} is no bundle of a run: {error}.") from None
    folders = [path for path in into.iterdir() if path.is_dir()]
    if len(folders) != 1:
        raise UsageError(f"{str(archive)!r} is no bundle of a run: it holds {len(folders)} folders.")
    return folders[0]
