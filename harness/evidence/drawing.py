"""Draws a trial's timeline as SVG: a row for each flow run, its states along time, fault and door as shaded spans.

Every colour has a word beside it, and so has the cut of a lost run, for readers who do not tell red from green. Text
goes in through ElementTree, so that no name can be markup.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from xml.etree import ElementTree

from harness.evidence._writer import Judged
from harness.evidence.story import Row, Span, Story
from harness.evidence.xml_text import as_xml_text
from harness.verdict.outcomes import said

WIDTH, LEFT, RIGHT, TOP, ROW, GAP = 980.0, 215.0, 115.0, 46.0, 22.0, 6.0
# Okabe and Ito's colours, which those who see no red or green tell apart; by state, and by what is left for others.
_COLOURS = {
    "Scheduled": "#b8bcc2",
    "Late": "#e69f00",
    "AwaitingConcurrencySlot": "#cc79a7",
    "AwaitingRetry": "#f0e442",
    "Pending": "#9ad0f0",
    "Running": "#0072b2",
}
_ENDED, _OTHER = "#009e73", "#8a8f98"
# What "sans-serif" may be in a PNG: what the system says, else the first of these that is installed.
_FAMILIES = (None, "DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica")
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
STYLE = """
.tl { background: #fff; font: 12px system-ui, sans-serif; }
.tl text { fill: #1c2024; } .tl .soft { fill: #60646c; font-size: 11px; } .tl .lost { font-weight: 700; }
.tl .on { fill: #fff; font-size: 11px; } .tl .dark { fill: #1c2024; font-size: 11px; }
.tl .grid { stroke: #d9dce1; } .tl .cut { stroke: #1c2024; stroke-width: 2.5; }
.tl circle.step { fill: #fff; stroke: #8a8f98; } .tl circle.cut { fill: #fff; }
.tl .span { fill: #1c2024; fill-opacity: .07; } .tl .door { fill: #1c2024; fill-opacity: .22; }
@media (prefers-color-scheme: dark) {
.tl { background: #16181b; } .tl text { fill: #edeef0; } .tl .soft { fill: #b0b4ba; }
.tl .on { fill: #fff; } .tl .dark { fill: #1c2024; }
.tl .grid { stroke: #363a3f; } .tl .cut { stroke: #fff; } .tl circle.step, .tl circle.cut { fill: #16181b; }
.tl .span { fill: #fff; fill-opacity: .08; } .tl .door { fill: #fff; fill-opacity: .25; }
}
"""


def timeline_of(judged: Judged) -> str:
    """The picture of a trial as SVG text; empty if it has no story."""
    return timeline(judged.story, f"{judged.cell.name}: {said(judged.entry)}") if judged.story else ""


def timeline(story: Story, title: str) -> str:
    """The picture as SVG text; `title` is what a screen reader says."""
    return Drawing(story).draw(title)


def as_png(svg: str) -> bytes | None:
    """A timeline as PNG bytes, in its light colours and twice its size; None without the extra `png` or any font."""
    draw = renderer()
    return draw(svg) if draw else None


@functools.cache
def renderer() -> Callable[[str], bytes] | None:
    """What turns SVG into PNG here; asked once a process."""
    try:
        from resvg_py import svg_to_bytes  # noqa: PLC0415 - an extra, which may not be there
    except ImportError:
        return None

    def draw(svg: str, family: str | None) -> bytes:
        return svg_to_bytes(svg_string=svg, background="#ffffff", zoom=2, sans_serif_family=family)

    word = '<text font-family="sans-serif" y="15">%s</text>'
    bare = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{word}</svg>'
    # resvg takes what fontconfig prefers, installed or not. A word in a font that is not there leaves no mark, and a
    # timeline needs its words.
    for family in _FAMILIES:
        if draw(bare % "W", family) != draw(bare % "", family):
            return functools.partial(draw, family=family)
    return None


class Drawing:
    """A story being drawn; `top` is where its rows begin."""

    top = TOP

    def __init__(self, story: Story) -> None:
        self.story = story
        seconds = max(1.0, (story.end - story.start).total_seconds())
        self.scale = (WIDTH - LEFT - RIGHT) / seconds
        self.seconds = seconds
        self.bottom = self.top
        self.svg = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "tl", "role": "img"})

    def x(self, moment: datetime) -> float:
        """Where a time lies."""
        return round(LEFT + (moment - self.story.start).total_seconds() * self.scale, 1)

    def draw(self, title: str) -> str:
        """All of it: behind, the spans and the seconds; before them, the rows."""
        self.add("title", {}, title)
        self.add("style", {}, STYLE)
        behind = ElementTree.SubElement(self.svg, "g")
        y = self.top
        for side in dict.fromkeys(row.side for row in self.story.rows):
            self.text(8, y + 15, "the twin, which nobody touched" if side == "twin" else side, "lost")
            y += ROW
            for row in (row for row in self.story.rows if row.side == side):
                self.row(row, y)
                y += ROW
            if side == "treated":
                y = self.ticks(y)
            y += GAP
        self.bottom = y
        self.back(behind)
        height = self.legend(y + 38)
        self.svg.set("viewBox", f"0 0 {WIDTH:g} {height:g}")
        self.svg.set("width", f"{WIDTH:g}")
        self.svg.set("height", f"{height:g}")
        return ElementTree.tostring(self.svg, encoding="unicode") + "\n"

    def add(
        self, tag: str, attributes: dict[str, object], text: str = "", to: ElementTree.Element | None = None
    ) -> ElementTree.Element:
        """An element, its text as text."""
        values = {key: str(value) for key, value in attributes.items()}
        element = ElementTree.SubElement(self.svg if to is None else to, tag, values)
        element.text = as_xml_text(text)
        return element

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """A line of text."""
        self.add("text", {"x": round(x, 1), "y": round(y, 1), "class": kind, "text-anchor": anchor}, text)

    def row(self, row: Row, y: float) -> None:
        """A run: its name, its states, how it ended."""
        tick = f"{row.tick:%H:%M:%S}" if row.tick else "no tick"
        many = f" × {row.runs}" if row.runs > 1 else ""
        self.text(20, y + 15, f"{tick}  …{row.run[-8:]}{many}", "soft")
        for segment in row.segments:
            self.segment(segment, y)
        last = max((self.x(segment.end) for segment in row.segments), default=LEFT)
        if row.fate == "lost":
            self.add("line", {"x1": last, "x2": last, "y1": y + 1, "y2": y + ROW - 1, "class": "cut"})
            self.add(
                "line",
                {
                    "x1": last,
                    "x2": WIDTH - RIGHT,
                    "y1": y + 11,
                    "y2": y + 11,
                    "class": "grid",
                    "stroke-dasharray": "3 4",
                },
            )
            self.text(last + 6, y + 15, f"lost{many}", "lost")
        elif row.ended:
            self.add(
                "circle", {"cx": last, "cy": y + 11, "r": 5, "fill": _ENDED if row.ended == "Completed" else _OTHER}
            )
            self.text(last + 9, y + 15, row.ended + (f", {row.fate}" if row.fate else ""), "soft")

    def segment(self, segment: Span, y: float) -> None:
        """A state's bar, named where the name fits."""
        width = max(1.5, self.x(segment.end) - self.x(segment.start))
        if segment.start == segment.end:
            return
        colour = _COLOURS.get(segment.name, _OTHER)
        bar = {
            "x": self.x(segment.start),
            "y": y + 3,
            "width": round(width, 1),
            "height": ROW - 6,
            "rx": 2,
            "fill": colour,
        }
        self.add("rect", bar)
        if width > 6.4 * len(segment.name) + 8:
            on = "on" if colour in ("#0072b2",) else "dark"
            self.text(self.x(segment.start) + 5, y + 15, segment.name, on)

    def ticks(self, y: float) -> float:
        """The treated deployment's ticks that have no run, or several; returns where the next row begins."""
        wrong = [(tick, "no run") for tick in self.story.missing] + [(tick, "twice") for tick in self.story.duplicate]
        if not wrong:
            return y
        self.text(
            20,
            y + 15,
            f"ticks: {len(self.story.missing)} without a run, {len(self.story.duplicate)} with several",
            "soft",
        )
        for tick, what in wrong:
            x = min(max(self.x(tick), LEFT), WIDTH - RIGHT)
            mark = self.add("path", {"d": f"M{x - 5} {y + 4}h10l-5 9z", "class": "cut", "fill": "none"})
            self.add("title", {}, f"{tick:%H:%M:%S}: {what}", to=mark)
        return y + ROW

    def back(self, group: ElementTree.Element) -> None:
        """Behind the rows: the spans with their names, and the seconds since the first."""
        step = next((one for one in _STEPS if self.seconds / one <= 12), _STEPS[-1])
        for number in range(int(self.seconds // step) + 1):
            x = self.x(self.story.start + timedelta(seconds=number * step))
            self.add("line", {"x1": x, "x2": x, "y1": self.top - 4, "y2": self.bottom, "class": "grid"}, to=group)
            self.text(x, self.bottom + 14, f"{number * step} s", "soft", "middle")
        for span in self.story.spans:
            self.span(span, group)
        for move in self.story.moves:
            self.move(move, group)

    def span(self, span: Span, group: ElementTree.Element) -> None:
        """A shaded span, its name above it."""
        door = span.name == "the door"
        x, width = self.x(span.start), max(2.0, self.x(span.end) - self.x(span.start))
        box = {"x": x, "y": self.top - 8, "width": round(width, 1), "height": self.bottom - self.top + 8}
        self.add("rect", {**box, "class": "door" if door else "span"}, to=group)
        self.name_of(span, x + (width / 2 if door else 2), door=door)

    def name_of(self, span: Span, x: float, *, door: bool) -> None:
        """The name of a span above it."""
        self.text(x, self.top - (12 if door else 28), span.name, "soft", "middle" if door else "start")

    def move(self, move: Span, group: ElementTree.Element) -> None:
        """A move of the lab's clock, which takes no time: a stroke, whose name is below."""
        x = self.x(move.start)
        line = {"x1": x, "x2": x, "y1": self.top - 8, "y2": self.bottom, "class": "cut", "stroke-dasharray": "2 3"}
        self.add("line", line, to=group)

    def legend(self, y: float) -> float:
        """What each colour means, in words; returns the height of the whole."""
        x = LEFT
        named: Iterable[str] = dict.fromkeys(
            s.name for row in self.story.rows for s in row.segments if s.start != s.end
        )
        entries = [(state, _COLOURS.get(state, _OTHER)) for state in named]
        for word, colour in [*entries, ("a dot: where the run ended", _ENDED)]:
            width = 6.6 * len(word) + 34
            if x + width > WIDTH - 10:
                x, y = LEFT, y + 20
            self.add(
                "rect",
                {"x": x, "y": y - 10, "width": 12, "height": 12, "rx": 6 if "dot" in word else 2, "fill": colour},
            )
            self.text(x + 18, y, word, "soft")
            x += width
        for note in self.notes():
            y += 20
            self.text(LEFT, y, note, "soft")
        return y + 14

    def notes(self) -> list[str]:
        """What else a reader has to know, a line each."""
        notes = ["A bar that stops at a thick stroke is a run that was lost: the server knows it no more."]
        if any(row.runs > 1 for row in self.story.rows):
            notes.append("× n: so many runs with the same states; each state from when the first of them came to it.")
        if self.story.moves:
            far = "; ".join(move.name for move in self.story.moves)
            notes.append(f"A dotted stroke, where the clock of the lab was moved (which takes no time here): {far}.")
        return notes
