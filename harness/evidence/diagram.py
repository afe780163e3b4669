"""A trial's story as a Mermaid Gantt chart, which GitHub draws where a report is pasted into an issue."""

from __future__ import annotations

import re
from datetime import datetime

from harness.evidence.story import ROWS, Row, Story

_ROWS = ROWS // 2  # GitHub draws no more than so many in a readable size
_NOT_A_WORD = re.compile(r"[^\w .…×()-]+")


def diagram(story: Story) -> str:
    """The chart as a fenced block. Shown are the runs at risk, and those that held what they waited for."""
    lines = ["```mermaid", "gantt", "    dateFormat x", "    axisFormat %H:%M:%S"]
    lines += ["    section the lab", *(_task(span.name, span.start, span.end, "crit") for span in story.spans)]
    lines += [_task(f"clock {move.name}", move.start, move.end, "milestone") for move in story.moves]
    shown = story.rows[:_ROWS]
    for side in dict.fromkeys(row.side for row in shown):
        lines.append(f"    section {_words(side)}")
        for row in (row for row in shown if row.side == side):
            lines += _tasks(row)
    left_out = len(story.rows) - len(shown)
    more = f" {left_out} more runs are in timeline.svg." if left_out else ""
    said = f"Runs are named by their ticks (UTC); the axis is in the reader's own time.{more}"
    return "\n".join([*lines, "```", "", said])


def _tasks(row: Row) -> list[str]:
    tick = f"{row.tick:%H.%M.%S}" if row.tick else "no tick"
    bars = [segment for segment in row.segments if segment.start != segment.end]
    tasks = [_task(f"{tick} {bar.name}", bar.start, bar.end, "active") for bar in bars]
    last = row.segments[-1].end if row.segments else None
    if last and (row.fate == "lost" or row.ended):
        word = "lost" if row.fate == "lost" else row.ended
        tasks.append(_task(f"{tick} {word}", last, last, "crit, milestone" if word == "lost" else "milestone"))
    return tasks


def _task(name: str, start: datetime, end: datetime, kind: str) -> str:
    return f"    {_words(name)} :{kind}, {_milliseconds(start)}, {max(_milliseconds(end), _milliseconds(start) + 1)}"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _words(text: str) -> str:
    """Text that Mermaid takes for nothing but text: a colon, a semicolon or a hash would end it."""
    return _NOT_A_WORD.sub(" ", text).strip()[:60] or "unnamed"
