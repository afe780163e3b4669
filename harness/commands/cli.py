"""The command `harness`: it owns signals, exit codes, results.json, and the last sweep."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from rich.console import Console

from harness.commands import track_record
from harness.commands.atlas import DOORS as SURVEYED_DOORS
from harness.commands.atlas import STATES, Survey, survey
from harness.commands.bisect import Probes, Question, bisect, start
from harness.commands.power import Power, choose, measure
from harness.commands.scene import PHASES, Scene, set_up
from harness.doors import load_doors, select_doors
from harness.engines.choose import ENGINES, choose_engine
from harness.engines.sweep import of_the_dead, remove_images_and_caches, sweep
from harness.evidence.table import footnotes, table
from harness.runs.merge import merge
from harness.runs.recheck import recheck
from harness.runs.run import FORMATS, TABLE, Interrupted, Request, resolve_subjects, run_matrix
from harness.store.bundle import SUFFIX, bundle
from harness.store.results import harness_commit, harness_words
from harness.subjects.kinds import check_name
from harness.trials.scenario import load_scenarios, select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED, EXIT_USAGE
from harness.words import ownership
from harness.words.errors import LabError, UsageError
from harness.words.names import DATABASES, FORK, PREFECT_DEPLOY, SIGNALS, SQLITE, STARTS

# What a command runs on where no subject is named; the matrix, on one release for each form of the deletion.
SUBJECTS = {
    "reproduce": ("3.3.3", "3.3.4"),
    "matrix": ("2.20.20", "3.0.8", "3.3.3", "3.3.4", "latest"),
    "gate": ("latest",),
    "check": ("latest",),
}

_MOST = 10_000  # of repetitions, labs at once, minutes: what is more is a slip, and would fill the memory
_USUAL_ENGINE = "containers where a Docker engine answers"

_EXIT_CODES = """\
exit codes:
  0    every trial of which an outcome is known came to it
  1    at least one trial contradicts what is known
  2    wrong usage; nothing was started
  125  nothing contradicts, but something could not be judged, or nothing is
       known of any trial
  130  interrupted (Ctrl-C), 143 terminated, 129 the terminal was closed;
       the results so far are kept
"""


def write_nowhere(*outputs: IO[str]) -> None:
    """Let what is written to these go to /dev/null from now on: nobody takes it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in outputs:
        os.dup2(nowhere, output.fileno())
    os.close(nowhere)


class _PipedConsole(Console):
    """A console whose reader may go away (`| head`), or take no more (a full disk).

    The run goes on without it, and its exit code stays its own.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's own, where it can be written."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Write nowhere from now on."""
        self.quiet = True
        write_nowhere(self.file)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every option of a parser and of its commands: one that a command does not know is told by the first parser."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest right thing, in one to three lines."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's own, which would take an option's value `--` for the end of the options, and an empty list."""
        words = list(sys.argv[1:] if args is None else args)
        if bare := [word for word in words if word.startswith("-") and word.endswith("=--")]:
            self.error(f"{bare[0]!r} has no value")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        for word in message.replace("unrecognized arguments:", "").split():
            known = set(_options(self))
            option = word.partition("=")[0].rstrip(":")
            near = difflib.get_close_matches(option, known, n=1) if word.startswith("-") else []
            if near and option not in known:
                message += f". Did you mean {near[0]}?"
                break
        raise UsageError(f"{message}\nSee `{self.prog} --help`.")


def parser() -> argparse.ArgumentParser:
    """The command line, whole."""
    whole = _Parser(prog="harness", description="Which flow runs survive a Prefect deployment update?")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    known = load_scenarios()
    held = _EXIT_CODES.replace("of which an outcome is known came to it", "survived")
    held = held.replace("contradicts what is known", "did not survive")
    others = [f"{one.usual_door} for {name}" for name, one in known.items() if one.usual_door != PREFECT_DEPLOY]
    usual_doors = ", ".join([PREFECT_DEPLOY, *others])
    in_reproduce = " and ".join(name for name, one in known.items() if one.in_reproduce)
    _add_trials(
        commands,
        "reproduce",
        says="run both scenarios of the report on an unpatched and a patched release, and judge which runs survive",
        description="Stages each scenario on real Prefect, runs the real `prefect deploy`, judges which runs survive.",
        scenarios=in_reproduce,
        doors=usual_doors,
    )
    _add_trials(
        commands,
        "matrix",
        says="run every scenario through the doors that make sense for it, on a release of each era",
        description="Stages each scenario once a release, opens each door on a deployment of its own, and judges.",
        scenarios="all",
        doors="those that each scenario names",
    )
    _add_trials(
        commands,
        "gate",
        says="hold a subject to `survived` in every scenario, whatever is known of it: for CI",
        description="Holds every scenario to `survived` through its deploy, whatever is known of the release.",
        scenarios="all",
        doors=usual_doors,
        epilog=held,
    )
    _add_trials(
        commands,
        "check",
        says="a gate of one question, as `git bisect run` asks it: does this source tree survive this scenario?",
        description="A gate of one question: `git bisect run harness check --scenario worker-outage --subject path:.`",
        scenarios="all",
        doors=usual_doors,
        epilog=held,
    )

    search = commands.add_parser(
        "bisect",
        help="find the release in which a scenario's outcome changed",
        description="Tries both ends, then halves what lies between; every probe is a trial of its own, with a twin.",
        epilog="exit codes: 0 the change is between two releases next to each other; 2 wrong usage; 125 it is not "
        "pinned down so far; 130 interrupted",
    )
    search.add_argument("--scenario", metavar="NAME", help=f"one of {', '.join(known)}")
    search.add_argument("--door", metavar="NAME", help=f"default: {usual_doors}")
    search.add_argument("--from", dest="first", default="3.0.0", metavar="RELEASE", help="default: 3.0.0")
    search.add_argument("--to", dest="last", default="latest", metavar="RELEASE", help="default: latest")
    _add_engine(search)
    _add_database(search)
    _add_start(search)
    search.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    search.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with a search that was interrupted")
    search.set_defaults(call=_bisect)

    surveyed = commands.add_parser(
        "atlas",
        help="try every state on every final release of a range, and write what came of it to a page",
        description="Tries every state, several releases in a run; asked again, it goes on where it stopped. "
        "Each release leaves an environment of some 130 MB in the cache.",
    )
    surveyed.add_argument("--from", dest="first", default="2.20.0", metavar="RELEASE", help="default: 2.20.0")
    surveyed.add_argument("--to", dest="last", default="latest", metavar="RELEASE", help="default: latest")
    surveyed.add_argument(
        "--newest-of-minor", action="store_true", help="of each minor version its newest release alone"
    )
    _add_choice(surveyed, "--scenario", known, ", ".join(STATES))
    _add_choice(surveyed, "--door", load_doors(), ", ".join(SURVEYED_DOORS))
    _add_engine(surveyed, usual=f"as the atlas was begun, else {_USUAL_ENGINE}")
    _add_database(surveyed, None, usual=f"as the atlas was begun, else {SQLITE}")
    _add_start(surveyed)
    _add_labs(surveyed)
    surveyed.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    surveyed.add_argument(
        "--into",
        type=Path,
        default=Path("docs/atlas"),
        metavar="NAME",
        help="NAME.md and NAME.json (default: docs/atlas)",
    )
    surveyed.set_defaults(call=_atlas)

    _add_power(commands)

    _add_cells(commands, known)
    _add_saved(commands)

    _add_lab(commands, known)

    images = commands.add_parser("images", help="build what a run would need, and run nothing")
    _add_subjects(images, SUBJECTS["reproduce"])
    _add_engine(images)
    images.set_defaults(call=_images)

    clean = commands.add_parser("clean", help="take away what dead runs left; nothing of a run that is alive")
    clean.add_argument("--all", action="store_true", help="also this project's images and its cache")
    clean.set_defaults(call=_clean)
    return whole


def _add_trials(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    *,
    says: str,
    description: str,
    scenarios: str,
    doors: str,
    epilog: str = _EXIT_CODES,
) -> None:
    """A command that runs trials; `scenarios` and `doors` say what is run where none is named."""
    command = commands.add_parser(
        name,
        help=says,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(call=_run)
    _add_subjects(command, SUBJECTS[name])
    _add_engine(command)
    _add_database(command)
    _add_start(command)
    _add_choice(command, "--scenario", load_scenarios(), scenarios)
    _add_choice(command, "--door", load_doors(), doors)
    command.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="where evidence goes (default: results)"
    )
    command.add_argument(
        "--keep",
        choices=("never", "failed", "always"),
        default="failed",
        help="whether a lab's database is saved with the evidence; `failed`: when a trial is not as expected (default)",
    )
    command.add_argument(
        "--repeat", type=_number, default=1, metavar="N",
        help="each trial N times, each time in a lab of its own; says k of N with its 95 %% interval (default: 1)",
    )  # fmt: skip
    _add_labs(command)
    command.add_argument(
        "-k", dest="expression", default="", metavar="EXPR", help="only trials whose name matches, as in pytest"
    )
    command.add_argument(
        "--format", choices=FORMATS, default=TABLE,
        help="what stdout gets in the end: the table (default), summary.md, or results.json; but for the table, all "
        "else goes to stderr",
    )  # fmt: skip


def _add_cells(commands: argparse._SubParsersAction[_Parser], known: Iterable[str]) -> None:
    """`cells`: what a gate would run, for a workflow."""
    spread = commands.add_parser(
        "cells",
        help="print what a gate would run as the matrix of a GitHub workflow, a subject and a scenario a machine",
        description="Prints one line of JSON for `strategy: matrix` of GitHub Actions.",
    )
    _add_subjects(spread, SUBJECTS["gate"])
    _add_choice(spread, "--scenario", known, "all")
    spread.set_defaults(call=_cells)


def _add_power(commands: argparse._SubParsersAction[_Parser]) -> None:
    """`power`: faults that are made on purpose."""
    powered = commands.add_parser(
        "power",
        help="make faults of Prefect's on purpose, and say which the harness finds, and as what",
        description="Runs a release with each mutant (overlays/), and the release itself, through the same doors.",
        epilog="exit codes: 0 every mutant was found as what it is, and the release itself survived; 1 one was not, or "
        "it did not; 2 wrong usage; 125 nothing is wrong, but something could not be judged; 130 interrupted",
    )
    powered.add_argument("--subject", default="latest", metavar="PREFECT", help="default: latest")
    _add_choice(powered, "--mutant", [one.name for one in choose([])], "all")
    _add_engine(powered)
    _add_database(powered)
    _add_start(powered)
    _add_labs(powered)
    powered.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    powered.set_defaults(call=_power)


def _add_lab(commands: argparse._SubParsersAction[_Parser], known: Iterable[str]) -> None:
    """`lab`: a scene that is left standing."""
    stood = commands.add_parser(
        "lab",
        help="build a scene and leave it standing, with Prefect's own UI, for a person to look around in",
        description="Builds one scenario up to a phase, says how to look around and how to open a door by hand.",
    )
    stood.add_argument("--subject", default="latest", metavar="PREFECT", help="default: latest")
    stood.add_argument("--scenario", default="worker-outage", metavar="NAME", help=f"one of {', '.join(known)}")
    stood.add_argument("--door", metavar="NAME", help="whose deployment is staged (default: the scenario's own)")
    stood.add_argument("--until", choices=tuple(PHASES), default="at-risk", help="how far (default: at-risk)")
    stood.add_argument("--minutes", type=_number, default=60, metavar="N", help="how long it stands (default: 60)")
    stood.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    _add_engine(stood)
    _add_database(stood)
    _add_start(stood)
    stood.set_defaults(call=_lab)


def _add_saved(commands: argparse._SubParsersAction[_Parser]) -> None:
    """What is done with saved runs: `merge`, `bundle`, `track-record`, `recheck`."""
    joined = commands.add_parser("merge", help="join the results folders of several runs, one machine's each, into one")
    joined.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a results folder, such as results/latest"
    )
    joined.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new folder")
    joined.add_argument(
        "--planned", default="", metavar="JSON", help="what `harness cells` printed: all that must be there"
    )
    joined.set_defaults(call=_merge)

    bundled = commands.add_parser(
        "bundle",
        help="make one archive of a run: all of its text, secrets masked, this machine's paths taken out",
        description="One archive of a run for somebody who was not there; `harness recheck` reads it as it is.",
    )
    bundled.add_argument("run", type=Path, metavar="RUN", help="a results folder, such as results/latest")
    bundled.add_argument("--into", type=Path, metavar="FILE", help=f"default: the run's name with {SUFFIX}, here")
    bundled.set_defaults(call=_bundle)

    recorded = commands.add_parser(
        "track-record",
        help="what saved runs say of each bug: lost on which releases, kept on which, last seen when",
        description="A table in Markdown, from results folders; --into puts it between its marks in a page.",
    )
    recorded.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="results folders")
    recorded.add_argument("--into", type=Path, metavar="PAGE", help="a page with the marks, such as README.md")
    recorded.set_defaults(call=_track_record)

    looked = commands.add_parser(
        "recheck",
        help="judge a saved run again, from its histories alone, and say whether its verdicts hold",
        description="A second look at a results folder or a bundle; needs no engine and no network.",
        epilog="exit codes: 0 every verdict holds, on files that nobody changed; 1 one does not, or a file was "
        "changed; 2 this is no run; 125 it holds no verdict at all",
    )
    looked.add_argument("run", type=Path, metavar="RUN", help="a results folder, or a bundle of one")
    looked.set_defaults(call=_recheck)


def _add_choice(command: argparse.ArgumentParser, option: str, known: Iterable[str], default: str) -> None:
    text = f"one of {', '.join(known)}; repeatable (default: {default})"
    command.add_argument(option, action="append", default=[], metavar="NAME", help=text)


def _add_subjects(command: argparse.ArgumentParser, default: Sequence[str]) -> None:
    command.add_argument(
        "--subject", action="append", default=[], metavar="PREFECT",
        help="a release such as 3.3.3, or latest; wheel:PATH; path:FOLDER (a source tree as it is); image:NAME; "
        "any with /worker= or /deployer= another; repeatable "
        f" (default: {', '.join(default)})",
    )  # fmt: skip


def _add_engine(command: argparse.ArgumentParser, usual: str = _USUAL_ENGINE) -> None:
    command.add_argument("--engine", metavar="|".join(ENGINES), help=f"where labs run (default: {usual})")


def _add_database(command: argparse.ArgumentParser, default: str | None = SQLITE, usual: str = SQLITE) -> None:
    command.add_argument(
        "--database", choices=DATABASES, default=default, help=f"what the server keeps its data in (default: {usual})"
    )


def _add_labs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-n", dest="labs", type=_number, metavar="N",
        help="labs at once (default: one for each core; with --start exec for each two)",
    )  # fmt: skip


def _add_start(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--start", choices=STARTS, default=FORK,
        help="how a lab's processes start: forked from one of the subject that has imported Prefect (default), or each "
        "anew",
    )  # fmt: skip


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number from 1 to {_MOST}")
    return int(text)


def _run(options: argparse.Namespace, console: Console) -> int:
    request = Request(
        command=options.command,
        subjects=list(dict.fromkeys(options.subject or SUBJECTS[options.command])),
        scenarios=options.scenario,
        doors=options.door,
        engine=options.engine,
        results=options.results,
        keep=options.keep,
        labs=options.labs,
        expression=options.expression,
        repeat=options.repeat,
        database=options.database,
        format=options.format,
        start=options.start,
    )
    # What a program reads from stdout must be alone there.
    progress = console if options.format == TABLE else _PipedConsole(stderr=True, markup=False, highlight=False)
    return run_matrix(request, progress, console)


def _bisect(options: argparse.Namespace, console: Console) -> int:
    if options.resume:
        return bisect(Probes.read(options.resume), console)
    if not options.scenario:
        raise UsageError(f"Name a --scenario: one of {', '.join(load_scenarios())}.")
    (scenario,) = select_scenarios([options.scenario])
    door = options.door or scenario.usual_door
    question = Question(
        scenario.name, door, options.engine, options.first, options.last, options.database, options.start
    )
    return bisect(start(question, options.results), console)


def _atlas(options: argparse.Namespace, console: Console) -> int:
    scenarios = [scenario.name for scenario in select_scenarios(options.scenario or STATES)]
    doors = [door.name for door in select_doors(options.door or SURVEYED_DOORS)]
    asked = Survey(
        options.first,
        options.last,
        scenarios,
        doors,
        engine=options.engine,
        database=options.database,
        newest_of_minor=options.newest_of_minor,
        start=options.start,
        labs=options.labs,
    )
    return survey(asked, options.into, options.results, console)


def _power(options: argparse.Namespace, console: Console) -> int:
    asked = Power(options.subject, options.mutant, options.engine, options.database, options.start, options.labs)
    return measure(asked, options.results.absolute(), console)


def _cells(options: argparse.Namespace, console: Console) -> int:
    subjects = list(dict.fromkeys(options.subject or SUBJECTS["gate"]))
    for subject in subjects:
        check_name(subject)
    scenarios = select_scenarios(options.scenario)
    include = [{"subject": subject, "scenario": one.name} for subject in subjects for one in scenarios]
    console.print(json.dumps({"include": include}), soft_wrap=True)
    return EXIT_AS_EXPECTED


def _merge(options: argparse.Namespace, console: Console) -> int:
    try:
        planned = json.loads(options.planned or '{"include": []}')["include"]
        if not all(isinstance(cell[name], str) for cell in planned for name in ("subject", "scenario")):
            raise TypeError("not in words")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError("--planned is not what `harness cells` prints.") from None
    joined = merge(options.folders, options.into, planned)
    console.print(table(joined.trials))
    for line in [*footnotes(joined.trials), *joined.broken]:
        console.print(line)
    console.print(f"\nevidence: {options.into}", soft_wrap=True)
    return joined.exit_code


def _bundle(options: argparse.Namespace, console: Console) -> int:
    into = options.into or Path(f"{options.run.resolve().name}{SUFFIX}")
    if objections := recheck(options.run).objections:
        raise UsageError(
            f"It is not bundled, since it does not hold: {objections[0]:.300}\n`harness recheck` says all."
        )
    left_out = bundle(options.run, into)
    for name in left_out:
        console.print(f"left out, since it is no text: {name}", soft_wrap=True)
    console.print(f"bundle: {into} ({into.stat().st_size / 2**20:.1f} MB)", soft_wrap=True)
    return EXIT_AS_EXPECTED


def _track_record(options: argparse.Namespace, console: Console) -> int:
    text = track_record.table(track_record.rows_of(track_record.gather(options.folders)))
    if options.into:
        track_record.put_into(options.into, text)
    else:
        console.print(text, soft_wrap=True)
    return EXIT_AS_EXPECTED


def _recheck(options: argparse.Namespace, console: Console) -> int:
    look = recheck(options.run)
    now = harness_words(harness_commit())
    console.print(f"harness then: {', '.join(look.harness)}; now: {now}", soft_wrap=True)
    for objection in look.objections:
        console.print(f"(!) {objection}", soft_wrap=True)
    held = [trial.saved["outcome"] for trial in look.trials if not trial.differences]
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in Counter(held).most_common())
    console.print(f"{len(held)} of {len(look.trials)} verdicts hold" + (f": {outcomes}" if held else ""))
    if not look.holds:
        return EXIT_CONTRADICTED
    return EXIT_AS_EXPECTED if look.trials else EXIT_UNJUDGED


def _lab(options: argparse.Namespace, console: Console) -> int:
    (scenario,) = select_scenarios([options.scenario])
    (door,) = select_doors([options.door or scenario.usual_door])
    scene = Scene(
        options.subject,
        scenario,
        door,
        options.engine,
        options.database,
        options.until,
        options.minutes,
        options.results.absolute(),
        options.start,
    )
    return set_up(scene, console)


def _images(options: argparse.Namespace, console: Console) -> int:
    engine, why = choose_engine(options.engine)
    console.print(f"engine: {why}")
    resolved = resolve_subjects(list(dict.fromkeys(options.subject or SUBJECTS["reproduce"])), engine)
    failed = False
    for asked, release in resolved.items():
        try:
            if isinstance(release, LabError):
                raise release
            for part in (release, *release.roles.values()):
                console.print(f"{part.asked}: {engine.build(part, console.print)}", soft_wrap=True)
        except LabError as error:
            failed = True
            console.print(f"{asked}: {error.reason}\n{error.log[-600:]}", soft_wrap=True)
    return EXIT_UNJUDGED if failed else EXIT_AS_EXPECTED


def _clean(options: argparse.Namespace, console: Console) -> int:
    swept = str(sweep(of_the_dead))
    if options.all:
        swept = ", ".join(filter(None, (swept, str(remove_images_and_caches()))))
    console.print(f"swept: {swept or 'nothing was left'}")
    return EXIT_AS_EXPECTED


def _raise_interrupted(number: int, _frame: FrameType | None) -> None:
    # Once is enough: the clean-up that follows must not be cut short by an impatient second Ctrl-C.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGHUP:  # the terminal is gone, and writing to it would fail
        write_nowhere(sys.stdout, sys.stderr)
    raise Interrupted(number)


def _tell(text: str) -> None:
    """Say it on stderr, where anybody reads that: one that takes nothing changes no exit code."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command. Returns the exit code; messages for people go to stderr, results to stdout."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:  # nohup stays nohup
            signal.signal(number, _raise_interrupted)
    # Neither an owner above this one nor settings for the person's own tests are for the labs.
    for name in [name for name in os.environ if name == ownership.ENV_OWNER or name.startswith("PYTEST_")]:
        del os.environ[name]
    # Paths and names are printed as they are: square brackets in them are no markup.
    console = _PipedConsole(markup=False, highlight=False)
    try:
        options = parser().parse_args(arguments)
        os.environ[ownership.ENV_OWNER] = str(ownership.Owner.of_this_process())
        code: int = options.call(options, console)
    except UsageError as error:
        _tell(f"harness: {error}")
        return EXIT_USAGE
    except LabError as error:
        _tell(f"harness: {error.reason}\n{error.log[-600:]}".rstrip())
        return EXIT_UNJUDGED
    except Interrupted as interrupted:
        return 128 + interrupted.number
    except Exception:
        # Python's own exit code for a traceback, 1, would read as "a trial contradicts what is known".
        _tell(traceback.format_exc())
        return EXIT_UNJUDGED
    return code
