"""Writes docs/reference (doors, faults, rules, ...) and the marked tables of other pages from the code.

A test compares it with what is committed. python docs/reference.py
"""

from __future__ import annotations

import argparse
import html
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.chaos.plans import ChaosPlan  # noqa: E402
from harness.chaos.results import CAMPAIGN, CampaignResult  # noqa: E402
from harness.checkers import load_checkers, load_promises  # noqa: E402
from harness.commands import as_typed, commands, parser_of  # noqa: E402
from harness.doors import Door, load_doors  # noqa: E402
from harness.evidence import CampaignWriter, PlanWriter, RunWriter, TrialWriter, load_writers  # noqa: E402
from harness.faults import load_faults  # noqa: E402
from harness.known import Known, KnownPromise, load_known, load_known_promises, load_known_ticks  # noqa: E402
from harness.runs.plan import doors_of  # noqa: E402
from harness.trials.scenario import load_scenarios  # noqa: E402
from harness.verdict.outcomes import VERDICTS  # noqa: E402
from harness.words.kinds import ANY_EVENT  # noqa: E402
from harness.words.meanings import EXIT_CODES, OUTCOMES, PROMISES  # noqa: E402
from harness.words.names import SERVER  # noqa: E402
from harness.words.proof import DEEDS, NONCE, NOTHING, REDEPLOY, REQUEST  # noqa: E402
from harness.words.records import RunFacts, RunResult, VerdictRecord  # noqa: E402
from harness.words.schedule_words import EXAMPLES, LIMITS, parse_limit, parse_schedules  # noqa: E402
from tests.rules import rules, tags  # noqa: E402

FOLDER = ROOT / "docs" / "reference"
_MADE = "Made by `python docs/reference.py` from the code.\n"
_PROOFS = {
    NONCE: "a nonce in the deployment",
    REQUEST: "the server's access log",
    REDEPLOY: "the server's access log, or new schedules",
    NOTHING: "nothing changed",
    DEEDS: "what the engine saw",
}


def doors() -> str:
    """Every door: what it does, on which releases, how it is proven."""
    rows = [
        [f"`{name}`", door.summary, door.family, door.versions or "all", _proof(door), door.deployments or "any"]
        for name, door in load_doors().items()
    ]
    return _page("Doors", ["door", "what it does", "family", "releases", "proven by", "deployments"], rows)


def _proof(door: Door) -> str:
    shown = "".join(f"; `{one}`" for one in (*door.proof.effects, *door.proof.deeds))
    return _PROOFS[door.proof.by] + shown


def faults() -> str:
    """Every fault: what it hurts, how that is lifted, and which scenarios it puts runs at risk in."""
    rows = [
        [
            f"`{name}`",
            fault.summary,
            fault.lifted,
            ", ".join(f"`{one.name}`" for one in load_scenarios().values() if one.fault == name),
        ]
        for name, fault in load_faults().items()
    ]
    return _page("Faults", ["fault", "what it does", "how it is lifted", "scenarios"], rows)


def checkers() -> str:
    """Every checker: what of a history it looks at, and the promise that it watches over, if it does."""
    rows = [[f"`{name}`", checker.summary, checker.promise] for name, checker in load_checkers().items()]
    return _page("Checkers", ["checker", "what it looks at", "promise that it watches over"], rows)


def scenarios() -> str:
    """Every scenario: what is at risk, how it is staged, the doors that a matrix opens on it."""
    rows = [
        [
            f"`{name}`",
            one.summary,
            f"`{one.fault}`",
            f"`{one.state}`",
            one.backlog,
            one.applies or "all",
            ", ".join(f"`{door}`" for door in doors_of(one)),
        ]
        for name, one in load_scenarios().items()
    ]
    head = ["scenario", "what is staged", "fault", "state at risk", "kind of backlog", "releases", "doors of a matrix"]
    return _page("Scenarios", head, rows)


def known() -> str:
    """Every known outcome: of which runs, through which doors, on which releases, known from where."""
    rows = [
        [
            ", ".join(one.backlogs),
            ", ".join([*(f"family {family}" for family in one.families), *(f"`{door}`" for door in one.doors)]),
            _releases(one),
            one.outcome,
            one.reference,
        ]
        for one in load_known()
    ]
    head = ["kinds of backlog", "doors", "releases", "outcome", "reference"]
    more = f"\n## Promises\n\n{_known_promises()}\n## Ticks beside a door of a plan\n\n{_known_ticks()}"
    return _page("Known outcomes", head, rows) + more


def _releases(one: Known | KnownPromise) -> str:
    """Which releases it is known of, of which role where that is not the server, and upgraded to which."""
    upgraded = f", upgraded to {one.upgraded_to}" if isinstance(one, KnownPromise) and one.upgraded_to else ""
    return (one.versions or "all") + (f" of the {one.role}" if one.role != SERVER else "") + upgraded


def _known_promises() -> str:
    """What is known of promises."""
    rows = [
        [
            f"`{one.name}`",
            ", ".join(one.backlogs) or "all",
            ", ".join([*(f"family {family}" for family in one.families), *(f"`{door}`" for door in one.doors)]),
            _releases(one),
            one.outcome,
            one.reference,
        ]
        for one in load_known_promises()
    ]
    return _table(["promise", "kinds of backlog", "doors", "releases", "outcome", "reference"], rows)


def _known_ticks() -> str:
    """What is known of single ticks."""
    rows = [
        [
            one.becomes,
            ", ".join([*(f"family {family}" for family in one.families), *(f"`{door}`" for door in one.doors)]),
            one.versions or "all",
            f"{one.seconds:g}",
            one.reference,
        ]
        for one in load_known_ticks()
    ]
    return _table(["the tick is", "doors", "releases", "seconds", "reference"], rows)


def schedules() -> str:
    """The vocabulary of schedules and limits: the words, and what they become in prefect.yaml."""
    first = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    rule = f"DTSTART:{first:%Y%m%dT%H%M%S}\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=3"
    of_schedules = [
        [f"`{words}`", says, _yaml(parse_schedules([words]).as_yaml(first, rule))] for words, says in EXAMPLES
    ]
    of_limits = [
        [f"`{words}`", says, _yaml(limit.as_yaml())] for words, says in LIMITS if (limit := parse_limit(words))
    ]
    said = """\
`--schedule WORDS` says by which schedule treated and twin are scheduled, in place of the scenario's own. Given
several times, it makes several schedules. A scenario names the same words in `schedules=(...)`.
`--concurrency-limit WORDS` and `concurrency_limit="..."` say how many runs of a deployment may run at a time.

The kind and its rule come first, and `parameters` comes last. An interval is a number of seconds, or has `s`,
`m`, `h` or `d` after it. In an anchor and in a DTSTART, `first` stands for the first tick as the staging
reckons it; below it is 2026-01-02 at 03:04:05 UTC.

Not every scenario can be staged with every schedule on the real clock ([which, and
why](../explanation/decisions/schedules-that-never-end.md)). The others are left out, and named; if none is
left, that is wrong usage."""
    head = ["words", "what it is", "in prefect.yaml"]
    return (
        f"# Schedules and limits\n\n{_MADE}\n{said}\n\n{_table(head, of_schedules)}\n"
        f"## Concurrency limits\n\n{_table(head, of_limits)}"
    )


def _yaml(lines: str) -> str:
    return "<br>".join(f"`{line.strip()}`" for line in lines.splitlines()) or "nothing"


def guarded() -> str:
    """Every rule: what it says, the modules that keep it, and the test that guards it."""
    files: dict[str, list[str]] = {}
    for tag in tags():
        files.setdefault(tag.rule, []).append(f"`{tag.file}`")
    rows = [
        [rule.says, f"`{rule.name}`", ", ".join(dict.fromkeys(files.get(rule.name, ["nowhere"]))), f"`{rule.test}`"]
        for rule in rules()
    ]
    rows.sort(key=lambda row: (row[2], row[1]))
    says = "Each is kept where the code is tagged with its name (`# rule: name`). If that place is broken, its\n"
    says += "test fails, which `python tests/mutations.py NAME` shows ([how](../../tests/README.md)).\n"
    return f"# Rules\n\n{_MADE}\n{says}\n{_table(['rule', 'name', 'kept in', 'test'], rows)}"


def options() -> str:
    """Every command with its options."""
    parts = ["# Commands\n", _MADE]
    for name, says in commands().items():
        command = parser_of(name)
        own = [each for each in command._actions if not isinstance(each, argparse._HelpAction)]
        rows = [[f"`{_names(each)}`", str(each.help or "").replace("%%", "%")] for each in own]
        said = " ".join(part for part in (f"{says}.", command.epilog) if part and "\n" not in part)
        parts.append(f"## {as_typed(name)}\n\n{said}\n\n{_table(['option', 'what it is'], rows)}")
    return "\n".join(parts)


# The files that hold records, and what each is.
RECORDS: dict[str, tuple[Any, str]] = {
    "history.jsonl": (ANY_EVENT, "a line each: all that was done in a trial, and all that was seen"),
    "results.json": (RunResult, "what came of a run: every trial with its outcome and counts"),
    "run.json": (RunFacts, "how a run was made"),
    "verdict.json": (VerdictRecord, "a trial's entry of results.json, and what became of each run at risk"),
    "plan.yaml": (
        ChaosPlan,
        "a plan of chaos: its deployments and its steps ([how to write one]"
        "(../how-to/try-orders-of-events.md)); a field that is not named here is refused",
    ),
    CAMPAIGN: (CampaignResult, "what the plans of a campaign came to, and which steps they executed"),
}


def _schema_file(name: str) -> str:
    return f"{name.partition('.')[0]}.json"


def schema(name: str) -> str:
    """The JSON schema of a file's record, as the harness itself checks it."""
    made = msgspec.json.schema(RECORDS[name][0])
    for record in made["$defs"].values():
        record["description"] = inspect.cleandoc(record.get("description", ""))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name}
    return json.dumps({**head, **made}, indent=1) + "\n"


def schemas() -> str:
    """The files that have a schema."""
    rows = [[f"`{name}`", says, f"[schema](schemas/{_schema_file(name)})"] for name, (_, says) in RECORDS.items()]
    said = (
        "Each is written and read as a record of `harness/words/records.py` or `harness/chaos`, and each line of a "
        "history as one of `harness/words/kinds.py`. A field with a default is one that an earlier harness did not "
        "write. Fields may be added; a program that reads one of these files should pass over those that it does not "
        "know."
    )
    return f"# JSON schemas\n\n{_MADE}\n{said}\n\n{_table(['file', 'what it holds', 'schema'], rows)}"


def evidence() -> str:
    """Every file that a writer makes for a reader."""
    kinds: dict[type, str] = {
        TrialWriter: "each trial",
        RunWriter: "the run",
        PlanWriter: "each plan of chaos",
        CampaignWriter: "the campaign of chaos",
    }
    writers = load_writers().values()
    rows = [
        [f"`{one.file}`", kinds[kind], one.summary, "yes" if one.same else "no"]
        for kind in kinds
        for one in writers
        if isinstance(one, kind)
    ]
    said = (
        "A file of `harness/evidence` makes each from the records (results.json, run.json, verdict.json) and the "
        "histories. [Add one](../how-to/add-an-evidence-writer.md)."
    )
    head = ["file", "of", "what it is", "made again by `harness recheck`"]
    return f"# Files for a reader\n\n{_MADE}\n{said}\n\n{_table(head, rows)}"


def _names(action: argparse.Action) -> str:
    value = "|".join(map(str, action.choices)) if action.choices else str(action.metavar or "")
    takes = "" if action.nargs == 0 else f" {value}"
    return (", ".join(action.option_strings) + takes).strip()


def measured() -> str:
    """What the trials of the atlas came to, for `harness guard`: by backlog and door, the releases that show it.

    Trials without a verdict, and those that have no such state, are left out.
    """
    alike: dict[tuple[str, str, str, str, str], list[str]] = {}
    for trial in json.loads((ROOT / "docs" / "atlas.json").read_text(encoding="utf-8"))["trials"]:
        if trial["outcome"] in VERDICTS:
            backlog = load_scenarios()[trial["scenario"]].backlog
            day = datetime.strptime(trial["run"][:8], "%Y%m%d").date().isoformat()
            alike.setdefault((backlog, trial["scenario"], trial["door"], trial["outcome"], day), []).append(
                trial["version"]
            )
    names = ("backlog", "scenario", "door", "outcome", "day")
    lines = [json.dumps({**dict(zip(names, key, strict=True)), "versions": of}) for key, of in alike.items()]
    listed = ",\n  ".join(lines)
    return f'{{"made": "by docs/reference.py from docs/atlas.json", "measured": [\n  {listed}\n]}}\n'


def outcomes() -> str:
    """Every outcome, in order of precedence."""
    return _table(["outcome", "when"], [[f"`{name}`", when] for name, when in OUTCOMES.items()])


def promises() -> str:
    """What may become of a promise."""
    return _table(["promise", "when"], [[f"`{name}`", when] for name, when in PROMISES.items()])


def watched() -> str:
    """Every promise, and the checker that watches over it."""
    rows = [[f"`{name}`", one.promise, one.kept, ", ".join(one.breaks)] for name, one in load_promises().items()]
    return _table(["promise", "what must hold", "kept", "broken"], rows)


def exit_codes() -> str:
    """Every exit code of a run."""
    return _table(["exit code", "when"], [[code, when] for code, when in EXIT_CODES.items()])


def filled(page: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """A page's text with its marked tables made anew. Each stands between `<!-- made: NAME -->` and `<!-- end -->`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, make in sections.items():
        start, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        if start not in text:
            raise SystemExit(f"{page} has no line {start.strip()}")
        before, _, rest = text.partition(start)
        text = f"{before}{start}{make()}{end}{rest.partition(end)[2]}"
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A cell; code with a bar in it as HTML, since the backslash before a bar is shown in code on the site."""

    def as_html(code: re.Match[str]) -> str:
        return "<code>" + html.escape(code[1]).replace("|", "&#124;") + "</code>"

    return re.sub(r"`([^`]*\|[^`]*)`", as_html, text).replace("|", "\\|")


def _page(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"# {title}\n\n{_MADE}\n{_table(head, rows)}"


PAGES: dict[str, Callable[[], str]] = {
    "doors.md": doors,
    "faults.md": faults,
    "checkers.md": checkers,
    "scenarios.md": scenarios,
    "known.md": known,
    "schedules.md": schedules,
    "commands.md": options,
    "rules.md": guarded,
    "evidence.md": evidence,
    "schemas.md": schemas,
    **{f"schemas/{_schema_file(name)}": partial(schema, name) for name in RECORDS},
    "../../harness/guard/measured.json": measured,
}
FILLED: dict[str, Mapping[str, Callable[[], str]]] = {
    "docs/verdicts.md": {
        "outcomes": outcomes,
        "promises": watched,
        "outcomes of promises": promises,
        "exit codes": exit_codes,
    },
    "README.md": {"exit codes": exit_codes},
}

if __name__ == "__main__":
    for file, make in PAGES.items():
        (FOLDER / file).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / file).write_text(make(), encoding="utf-8")
    for page, sections in FILLED.items():
        (ROOT / page).write_text(filled(page, sections), encoding="utf-8")
