"""results.json and run.json: whole at every moment, written by the command alone."""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import fields, replace

from harness.words.errors import UsageError
from harness.words.files import read_json, write_whole
from harness.words.ownership import PROJECT
from harness.words.places import IS_CHECKOUT, ROOT
from harness.words.promises import PromiseResult
from harness.words.reading import converted, read_as
from harness.words.records import (
    RESULTS_SCHEMA,
    Harness,
    Host,
    LabCosts,
    RunFacts,
    RunResult,
    SideCounts,
    SubjectFacts,
    TicksResult,
    TrialResult,
    VerdictRecord,
)
from harness.words.redaction import redact

UNKNOWN = "unknown"  # which harness made a run
LATEST_LINK = "latest"  # the link to the newest run, beside the runs


def write_results(folder: Path, trials: Sequence[TrialResult], *, exit_code: int | None, seconds: float) -> None:
    """Write results.json; `exit_code` is None until the end."""
    _write(
        folder / "results.json",
        RunResult(schema=RESULTS_SCHEMA, exit_code=exit_code, seconds=round(seconds, 1), trials=list(trials)),
    )


def write_run(folder: Path, facts: RunFacts) -> None:
    """Write run.json."""
    _write(folder / "run.json", facts)


def _write(path: Path, record: RunResult | RunFacts) -> None:
    """Write a record as JSON, secret-looking values masked."""
    write_whole(path, json.dumps(redact.value(msgspec.to_builtins(record)), indent=1) + "\n")


def commands_of(facts: RunFacts) -> str:
    """The command that does again what run.json is of; the commands of all the runs, if several were joined."""
    return "; ".join(dict.fromkeys(one.command for one in runs_of(facts)))


def read_results(folder: Path) -> RunResult:
    """What results.json of a folder says.

    Raises: UsageError for a folder without results, or with results of another schema or form.
    """
    path = folder / "results.json"
    try:
        found = read_json(path)
        schema = found["schema"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{str(folder)!r} is not a results folder: it has no readable results.json.") from None
    if schema != RESULTS_SCHEMA:
        raise UsageError(f"{str(path)!r} has schema {schema}; this harness reads schema {RESULTS_SCHEMA} alone.")
    results = read_as(RunResult, found, path)
    results = replace(results, trials=[_with_ticks(trial) for trial in results.trials])
    if results.exit_code is not None:
        return results
    # The command that ran it is gone, so a trial without an outcome stays without one.
    trials = [replace(trial, reason=trial.reason or "its run did not come to its end") for trial in results.trials]
    return replace(results, trials=trials)


def _with_ticks(trial: TrialResult) -> TrialResult:
    """An entry whose ticks are among its promises: an earlier harness had them beside these."""
    if trial.ticks is None or "ticks" in trial.promises:
        return trial
    said = {name: getattr(trial.ticks, name) for name in ("outcome", "expected", "as_expected", "reason", "sometimes")}
    return replace(trial, promises={**trial.promises, "ticks": PromiseResult(**said)})  # rule: results-ticks-of-old


def fields_added(folder: Path) -> list[str]:
    """Each field in results.json that this harness does not write, a line each; nothing that is shown is made from one.

    Raises what `read_results` raises.
    """
    read_results(folder)
    found = read_json(folder / "results.json")
    parts: list[tuple[str, dict[str, Any], type[msgspec.Struct]]] = [("results.json", found, RunResult)]
    for number, trial in enumerate(found["trials"], start=1):
        where = f"results.json, trial {number}"
        parts += [(where, trial, TrialResult), (f"{where}, twin", trial["twin"], SideCounts)]
        parts += [(f"{where}, ticks", trial["ticks"], TicksResult)] if trial.get("ticks") else []
        parts += [(f"{where}, promise {name}", one, PromiseResult) for name, one in trial.get("promises", {}).items()]
    return [
        f"{where}: this harness does not write the field {name!r}"
        for where, part, kind in parts
        for name in sorted(part.keys() - set(kind.__struct_fields__))  # rule: recheck-unknown-field (gives [])
    ]


def read_run(folder: Path) -> RunFacts:
    """What run.json of a folder says. A part that cannot be read is left out; all of it, if the file cannot be."""
    try:
        return _facts(read_json(folder / "run.json"))
    except ValueError:
        return RunFacts()


# What lies in run.json by a name: one that cannot be read takes none of the others with it.
_BY_NAME = {"places": str, "subjects": SubjectFacts, "labs": LabCosts}


def _facts(found: Any) -> RunFacts:
    facts: dict[str, Any] = {}
    for field in fields(RunFacts) if isinstance(found, dict) else ():
        said = found.get(field.name)
        with suppress(ValueError):
            if isinstance(said, list) and field.name == "merged":
                facts[field.name] = [_facts(one) for one in said]
            elif isinstance(said, dict) and field.name in _BY_NAME:
                facts[field.name] = dict(_readable(said, _BY_NAME[field.name]))
            elif field.name in found:
                facts[field.name] = converted(field.type, said)
    return RunFacts(**facts)


def _readable(found: dict[str, Any], kind: type) -> Iterator[tuple[str, Any]]:
    for name, said in found.items():
        with suppress(ValueError):
            yield name, converted(kind, said)


def runs_of(facts: RunFacts) -> Sequence[RunFacts]:
    """What a run.json says of each run that it is of: one, or those that were joined."""
    return facts.merged or [facts]  # rule: merge-joined-before (without first)


def evidence_of(folder: Path, trial: TrialResult) -> Path:
    """A trial's folder in a run's folder. It is one of the run's own, whatever the entry says."""
    return folder / "trials" / Path(trial.folder).name


def read_verdict(folder: Path, trial: TrialResult) -> VerdictRecord | None:
    """What verdict.json of a trial's folder says; None if it cannot be read."""
    try:
        return converted(VerdictRecord, read_json(evidence_of(folder, trial) / "verdict.json"))
    except ValueError:
        return None


def harness_words(harness: Harness | None) -> str:
    """A version of the harness in a phrase: its commit, and whether it had changes; of an installed wheel, its version.

    UNKNOWN if nothing says which it was.
    """
    if harness is None or not harness.commit:
        return f"version {harness.version}" if harness and harness.version else UNKNOWN
    commit = harness.commit[:12]
    return f"{commit}, changed" if harness.dirty else commit


def new_run_id() -> str:
    """A name that no other run has: the time (UTC) and four letters by chance."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def host_facts() -> Host:
    """This machine."""
    return Host(
        system=platform.platform(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    )


def harness_commit() -> Harness:
    """The checkout's commit, and whether it has changes; None for both if git does not say, or there is no checkout."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    if not IS_CHECKOUT:  # git would speak of whatever the environment lies in
        return Harness(commit=None, dirty=None, version=metadata.version(PROJECT))
    status = git("status", "--porcelain")
    return Harness(commit=git("rev-parse", "HEAD"), dirty=None if status is None else bool(status))


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
    latest = results / LATEST_LINK
    if latest.exists() and not latest.is_symlink():
        raise UsageError(
            f"{str(latest)!r} is no link, and a run would make it one.\nMove it away, or name another with --results."
        )


def point_latest(results: Path, folder: Path) -> None:
    """Make `latest` name this run's folder, in one step, so that two runs at once cannot break it."""
    beside = results / f".{LATEST_LINK}-{folder.name}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(folder.name)
    beside.replace(results / LATEST_LINK)
