"""results.json and run.json: whole at every moment, written by the command alone."""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.words.errors import UsageError
from harness.words.files import read_json, write_whole
from harness.words.ownership import PROJECT
from harness.words.places import IS_CHECKOUT, ROOT
from harness.words.redaction import redact

SCHEMA = 1
UNKNOWN = "unknown"  # which harness made a run
LATEST = "latest"  # the link to the newest run, beside the runs


def write_results(folder: Path, trials: Sequence[dict[str, Any]], *, exit_code: int | None, seconds: float) -> None:
    """Write results.json; `exit_code` is None until the end."""
    content = {"schema": SCHEMA, "exit_code": exit_code, "seconds": round(seconds, 1), "trials": list(trials)}
    write_whole(folder / "results.json", json.dumps(redact.value(content), indent=1) + "\n")


def write_run(folder: Path, facts: dict[str, Any]) -> None:
    """Write run.json, secret-looking values masked."""
    write_whole(folder / "run.json", json.dumps(redact.value(facts), indent=1) + "\n")


def commands_of(facts: dict[str, Any]) -> str:
    """The command, or those of the runs that were joined, that does again what run.json is of."""
    return "; ".join(dict.fromkeys(str(one.get("command", "")) for one in runs_of(facts)))


def read_results(folder: Path) -> dict[str, Any]:
    """What results.json of a folder says, what an earlier harness did not write filled in.

    Raises: UsageError for what is no results folder, or one of another schema.
    """
    path = folder / "results.json"
    try:
        found: dict[str, Any] = read_json(path)
        schema, ended, trials = found["schema"], found["exit_code"], found["trials"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{str(folder)!r} is no results folder: it has no readable results.json.") from None
    if schema != SCHEMA:
        raise UsageError(f"{str(path)!r} has schema {schema}; this harness reads schema {SCHEMA} alone.")
    if not (
        isinstance(ended, int | None) and isinstance(trials, list) and isinstance(found.get("seconds"), int | float)
    ):
        raise UsageError(f"{str(path)!r} was not written by this harness: no exit code, no trials or no seconds.")
    found["trials"] = [whole_entry(path, trial) for trial in trials]
    for trial in found["trials"] if ended is None else ():
        # Whoever ran it is gone, so what is still open stays so.
        trial["reason"] = trial["reason"] or "its run did not come to its end"
    return found


_COUNTED_SINCE = {"executed_twice": 0, "never_ran": 0}  # of both sides
_BYSTANDERS = ("bystanders_lost", "bystanders_altered")
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("scenario", "door", "subject", "engine", "database", "reason", "folder"), str),
    **dict.fromkeys(("version", "outcome", "expected"), str | None),
    **dict.fromkeys(("at_risk", "kept", "lost", "repetition", *_BYSTANDERS, *_COUNTED_SINCE), int),
    **dict.fromkeys(("reference", "note", "judged_by"), str),
    **dict.fromkeys(("twin", "versions"), dict),
    "as_expected": bool | None,
    "seconds": int | float | None,
    "ticks": dict | None,
}
_TICKS: dict[str, Any] = {
    **dict.fromkeys(("outcome", "reason"), str),
    **dict.fromkeys(("missing", "duplicate"), int),
    "expected": str | None,
    "as_expected": bool | None,
}
_ADDED_SINCE: dict[str, Any] = {
    **_COUNTED_SINCE,
    **dict.fromkeys(_BYSTANDERS, 0),
    "repetition": 1,
    "ticks": None,
    "reference": "",
    "note": "",
    "judged_by": "survival",
    "versions": {},
}


def whole_entry(path: Path, trial: Any, **more: Any) -> dict[str, Any]:
    """A trial's entry, read from a file, with what an earlier harness did not write.

    `more` names what it holds besides what results.json has, and the types. Raises: UsageError where it lacks any.
    """
    entry = {**_ADDED_SINCE, **trial} if isinstance(trial, dict) else {}
    _check(path, entry, {**_TYPES, **more}, "a trial")
    entry["twin"] = {**_COUNTED_SINCE, **entry["twin"]}
    _check(path, entry["twin"], dict.fromkeys(("at_risk", "kept", "lost", *_COUNTED_SINCE), int), "a twin")
    if entry["ticks"] is not None:
        _check(path, entry["ticks"], _TICKS, "a trial's ticks")
    return entry


def _check(path: Path, found: dict[str, Any], types: dict[str, Any], what: str) -> None:
    """Raises: UsageError where a part of an entry lacks one of these, or has another type."""
    for name, kind in types.items():
        if name not in found:
            raise UsageError(f"In {str(path)!r}, {what} has no {name!r}; it was not written by this harness.")
        if not isinstance(found[name], kind):
            raise UsageError(f"In {str(path)!r}, {what} has {found[name]!r:.40} as its {name!r}, which is none.")


_RUN_TYPES: dict[str, Any] = {
    **dict.fromkeys(("harness", "engine", "host", "places", "subjects", "labs"), dict),
    **dict.fromkeys(("run", "command", "start"), str),
    "merged": list,
}


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json of a folder says, but for what this harness writes otherwise; nothing where it cannot be read."""
    try:
        return _whole_run(read_json(folder / "run.json"))
    except ValueError:
        return {}


def _whole_run(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    facts = {key: value for key, value in found.items() if isinstance(value, _RUN_TYPES.get(key, object))}
    if "places" in facts:
        facts["places"] = {name: path for name, path in facts["places"].items() if isinstance(path, str)}
    if "merged" in facts:
        facts["merged"] = [_whole_run(one) for one in facts["merged"]]
    return facts


def runs_of(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run.json says of each run that it is of: one, or those that were joined."""
    return facts.get("merged") or [facts]


def evidence_of(folder: Path, trial: dict[str, Any]) -> Path:
    """A trial's folder in a run's, by its entry; no other than one of the run's own, whatever the entry says."""
    return folder / "trials" / Path(trial["folder"]).name


def read_verdict(folder: Path, trial: dict[str, Any]) -> dict[str, Any]:
    """What verdict.json of a trial's folder says; nothing where it cannot be read."""
    try:
        found: dict[str, Any] = read_json(evidence_of(folder, trial) / "verdict.json")
        fates, command = found.get("fates", []), found.get("command", "")
        whole = isinstance(command, str) and all(isinstance(fate["looks"], dict) for fate in fates)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found if whole else {}


def harness_words(harness: dict[str, Any]) -> str:
    """A version of the harness (what `harness_commit` returns) in a phrase: its commit, and whether it had changes.

    Of an installed wheel, its version; UNKNOWN where nothing says.
    """
    if not harness.get("commit"):
        return f"version {harness['version']}" if harness.get("version") else UNKNOWN
    commit = str(harness["commit"])[:12]
    return f"{commit}, changed" if harness.get("dirty") else commit


def new_run_id() -> str:
    """A name that no other run has: the time (UTC) and four letters by chance."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def host_facts() -> dict[str, Any]:
    """The host in the words that matter to a reader: system, Python, cores, memory."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def harness_commit() -> dict[str, Any]:
    """The checkout's commit, and whether it has changes; None for both where git does not say, or there is none."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    if not IS_CHECKOUT:  # git would speak of whatever the environment lies in
        return {"commit": None, "dirty": None, "version": metadata.version(PROJECT)}
    status = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def check_writable(folder: Path, option: str = "--results") -> None:
    """Make a folder, and see that files can be written there. Raises UsageError, naming the option that says where."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"The folder {str(folder)!r} cannot be written to: {error.strerror}.\nName another with {option}."
        ) from None


def check_results(results: Path) -> None:
    """See that a run can write there, and make `latest` its own. Raises UsageError where it cannot."""
    check_writable(results)
    latest = results / LATEST
    if latest.exists() and not latest.is_symlink():
        raise UsageError(
            f"{str(latest)!r} is no link, and a run would make it one.\nMove it away, or name another with --results."
        )


def point_latest(results: Path, folder: Path) -> None:
    """Make `latest` name this run's folder, in one step, so that two runs at once cannot break it."""
    beside = results / f".{LATEST}-{folder.name}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(folder.name)
    beside.replace(results / LATEST)
