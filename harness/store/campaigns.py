"""The folder of a campaign of chaos: chaos.json, whole at every moment, and the text of each plan."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from packaging.version import InvalidVersion, Version

from harness.chaos.coverage import Coverage
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CAMPAIGN, CAMPAIGN_SCHEMA, CampaignResult
from harness.chaos.shards import parse_shard
from harness.chaos.text import as_text, plan_of, write_plan
from harness.store.results import harness_words
from harness.words.errors import UsageError
from harness.words.files import read_json, write_whole
from harness.words.reading import read_as
from harness.words.records import Harness
from harness.words.redaction import redact

PLANNED = "planned"  # the folder with the texts of all plans
PLANS = "plans"  # the folder with those that were carried out, a folder each
PLAN_FILE = "plan.yaml"
REDUCED = "reduced.yaml"
# What a campaign was asked for and made with, by its fields, and how a person calls it.
ASKED = {
    "seed": "the seed", "steps": "steps of a plan", "seen": "what was seen before",
    "promise": "the promise", "shard": "the shard", "until_news": "whether it stops at news",
    "subject": "the subject", "version": "Prefect",
    "versions": "other parts of Prefect", "as_of": "its packages as of", "engine": "the engine",
    "database": "the database", "start": "how processes start", "harness": "the harness",
    "planned": "the plans",  # the last, since another database or command draws others
}  # fmt: skip
_FILE = re.compile(rf"{PLANS}/plan-(?P<place>[1-9]\d{{0,4}})/{PLAN_FILE}")


def is_campaign(folder: Path) -> bool:
    """Whether a folder holds the results of a campaign, and not of a run of trials."""
    return (folder / CAMPAIGN).is_file()


def write_campaign(folder: Path, result: CampaignResult) -> None:
    """Write chaos.json."""
    said = redact.value(msgspec.to_builtins(result))
    write_whole(folder / CAMPAIGN, msgspec.json.format(msgspec.json.encode(said)).decode() + "\n")


def read_campaign(folder: Path) -> CampaignResult:
    """What chaos.json of a folder says. Raises: UsageError, in one to three lines."""
    path = folder / CAMPAIGN
    try:
        found = read_json(path)
        schema = found["schema"]
        json.dumps(found, ensure_ascii=False).encode()  # half of a letter is no text
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{str(folder)!r} holds no campaign: it has no readable {CAMPAIGN}.") from None
    if schema != CAMPAIGN_SCHEMA:
        raise UsageError(f"{str(path)!r} has schema {schema!r:.40}; this harness reads schema {CAMPAIGN_SCHEMA} alone.")
    result = read_as(CampaignResult, found, path)
    try:
        Version(result.version)
        parse_shard(result.shard or "1/1")
    except (InvalidVersion, UsageError):
        raise UsageError(f"{str(path)!r} names no release or no shard that there is: {result.version!r:.40}.") from None
    if any("/" in word for word in (result.engine, result.database)):
        raise UsageError(f"{str(path)!r} names an engine or a database that is none.")
    for plan in result.plans:
        found = _FILE.fullmatch(plan.file)
        if not found or not (result.promise or int(found["place"]) <= len(result.planned)):
            raise UsageError(f"{str(path)!r} names a plan {plan.file!r:.60}, which was not planned.")
    return result


def plan_file(place: int) -> str:
    """Where the text of the plan of that place lies once it is carried out, from the campaign's folder."""
    return f"{PLANS}/plan-{place}/{PLAN_FILE}"


def digest(plan: ChaosPlan) -> str:
    """The SHA-256 of a plan's text."""
    return sha256(as_text(plan).encode()).hexdigest()


def keep_planned(folder: Path, plans: Sequence[ChaosPlan]) -> list[str]:
    """Write the text of every plan into a campaign's folder; returns their digests."""
    (folder / PLANNED).mkdir(parents=True, exist_ok=True)
    for place, plan in enumerate(plans, start=1):
        write_plan(plan, _planned(folder, place))
    return [digest(plan) for plan in plans]


def read_planned(folder: Path, digests: Sequence[str]) -> list[ChaosPlan]:
    """Every plan of a campaign. Raises: UsageError for a text that is gone, or is another one."""
    plans = []
    for place, said in enumerate(digests, start=1):
        path = _planned(folder, place)
        try:
            text = path.read_bytes()
            plan = plan_of(text.decode())
        except (OSError, ValueError, UsageError):
            raise UsageError(f"{str(path)!r} is no plan any more; put back what was there.") from None
        if sha256(text).hexdigest() != said:  # rule: campaign-same-plans
            raise UsageError(f"{str(path)!r} is not the plan that the campaign has; put back what was there.")
        plans.append(plan)
    return plans


def _planned(folder: Path, place: int) -> Path:
    return folder / PLANNED / f"plan-{place}.yaml"


def forget(folder: Path, place: int) -> bool:
    """Take away what a plan left that has no result; returns whether there was anything."""
    left = (folder / plan_file(place)).parent
    if not left.exists():
        return False
    shutil.rmtree(left)
    return True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a campaign's folder, so that no other command adds to it. Raises: UsageError where another one holds it."""
    path = folder.parent / f".{folder.name}.lock"  # beside it: the checksums of the folder are of evidence alone
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"Another command carries out the campaign in {str(folder)!r}: wait for its end.") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def unlike(one: CampaignResult, other: CampaignResult, words: Mapping[str, str]) -> list[str]:
    """What two campaigns differ in of these fields, in words; each field with its name for a person."""
    pairs = {says: (getattr(one, field), getattr(other, field)) for field, says in words.items()}
    return [
        f"{says}: {_short(first)} and {_short(second)}" for says, (first, second) in pairs.items() if first != second
    ]


def _short(value: object) -> str:
    if isinstance(value, Harness):
        return harness_words(value)
    if isinstance(value, Coverage):
        return f"{sum(value.steps.values())} steps"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{len(value)} of them"
    return f"{value!s:.40}" if value else "none"
