"""Watch a live server: late runs, runs that wait for a slot, deployments that change; it only reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.guard.change_record import ChangeRecord
from harness.guard.watch import ENDED, Event, Limits, Watch
from harness.guard.watch_told import line_of, time_of
from harness.guard.watching import Pace, Watching, summary
from harness.guard.where import ApiUrl, KeyFile, where
from harness.words.errors import UsageError
from harness.words.options import Option, Usual

if TYPE_CHECKING:
    from harness.guard.metrics import Metrics

DESCRIPTION = (
    "Looks at a live server every few seconds, and says which deployments changed while runs waited, which runs were "
    "deleted, and where runs are late or wait for a slot. It goes on while the server is away. Ctrl-C ends it."
)
EPILOG = (
    "Exit code 0: --for is over; 125: no look succeeded, or the server refuses the key or is no Prefect; "
    "130 or 143: ended by Ctrl-C or SIGTERM."
)
_A_YEAR = 366 * 86400


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    every: Annotated[int, Option("seconds from look to look", metavar="SECONDS")] = 30
    lasts: Annotated[int | None, Option("end after so long", flag="--for", metavar="SECONDS", most=_A_YEAR)] = None
    late: Annotated[int, Option("say so if more runs of a deployment are late", metavar="N", least=0)] = 10
    late_after: Annotated[int, Option("a run is late so long after its time", metavar="SECONDS", least=0)] = 60
    slots: Annotated[int, Option("say so if more runs of a deployment wait for a slot", metavar="N", least=0)] = 10
    record: Annotated[Path | None, Option("add what is said to this file (JSON lines)", metavar="FILE")] = None
    port: Annotated[
        int | None, Option("serve Prometheus metrics on this port of the loopback", metavar="N", most=65535)
    ] = None
    api: ApiUrl = ""
    key_file: KeyFile = None
    minutes: Annotated[int, Option("how long one look may take", metavar="N"), Usual("2")] = 2


def run(ask: Ask, console: Console) -> int:
    """Carry it out; returns the exit code. Raises: UsageError; LabError; Interrupted."""
    server = where(ask.api, ask.key_file, os.environ, Path.home())
    watch = Watch(Limits(ask.late, ask.slots))
    with ExitStack() as opened:
        record = opened.enter_context(ChangeRecord(ask.record, server.url)) if ask.record else None
        if record:
            watch.known, watch.last = dict(record.remembered.known), record.remembered.last
        metrics = _metrics(ask.port)
        if metrics:
            opened.callback(metrics.close)
        _begin(ask, server.url, record, console)
        live = opened.enter_context(_line_below(console)) if sys.stdout.isatty() else None

        def tell(events: Sequence[Event]) -> None:
            if record:
                record.add(events)
            if metrics:
                metrics.show(watch)
            _say(watch, events, console, live)

        watching = Watching(server, watch, Pace(ask.every, 60.0 * ask.minutes, ask.lasts, ask.late_after), tell)
        try:
            watching.go_on()
        finally:
            looks, seconds = watch.looks, watching.seconds
            if record:
                at = watching.now().isoformat(timespec="seconds")
                record.add([Event(at=at, kind=ENDED, looks=looks, failed=watch.failed, seconds=seconds)])
            console.print(f"watched for {seconds:.0f} s: {looks} looks, {watch.failed} failed", soft_wrap=True)
    return 0


def _line_below(console: Console) -> Live:
    # Not an empty one: rich would leave an empty line behind at each print.
    return Live(Text("the first look …"), console=console, auto_refresh=False, transient=True)


def _metrics(port: int | None) -> Metrics | None:
    if port is None:
        return None
    try:
        from harness.guard.metrics import Metrics  # noqa: PLC0415 - it is an extra, which the guard does without
    except ModuleNotFoundError:
        raise UsageError("--port needs prometheus-client: pip install 'prefect-run-survival[watch]'") from None
    return Metrics(port)


def _begin(ask: Ask, url: str, record: ChangeRecord | None, console: Console) -> None:
    console.print(f"watching {url} every {ask.every} s", soft_wrap=True)
    if record and record.remembered.last:
        known = len(record.remembered.known)
        console.print(
            f"{ask.record} knows {known} deployments, as of {time_of(record.remembered.last, dated=True)}",
            soft_wrap=True,
        )
        if record.remembered.unreadable:
            lines = record.remembered.unreadable
            console.print(f"{lines} of its lines cannot be read, and are left out", soft_wrap=True)
    if ask.port:
        console.print(f"metrics: http://127.0.0.1:{ask.port}/metrics", soft_wrap=True)


def _say(watch: Watch, events: Sequence[Event], console: Console, live: Live | None) -> None:
    """Each piece of news is a line; a terminal has one more below, of how it stands, which a log has once."""
    for line in filter(None, (line_of(event, dated=live is None) for event in events)):
        console.print(line, soft_wrap=True)
    is_away = watch.away_since is not None
    how = summary(watch.looked) if watch.looked and not is_away else "no answer"
    stands = f"{time_of(watch.last, dated=live is None)}  {how}" if watch.last else how
    if live:
        live.update(Text(stands, no_wrap=True, overflow="ellipsis"), refresh=True)
    elif watch.looks == 1 and not is_away:
        console.print(stands, soft_wrap=True)
    console.file.flush()
