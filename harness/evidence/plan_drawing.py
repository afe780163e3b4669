"""Draws a plan of chaos as SVG: its steps numbered above, each deployment's runs below, along the lab's time."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.evidence.drawing import TOP, WIDTH, Drawing
from harness.evidence.plan_story import REMOVED, PlanStory, StepSpan
from harness.evidence.story import Span

PICTURE = "plan.svg"  # its name in the folder of a plan
_LANE, _LANES, _APART = 18.0, 4, 19.0  # rows for the steps' numbers, which do not lie upon each other
_COLUMN, _LETTERS, _SHORT = 2, 66, 6  # columns of the list of steps, letters of a step in one, steps in one column


class PlanDrawing(Drawing):
    """A plan being drawn."""

    top = TOP + _LANE * _LANES + 8

    def __init__(self, told: PlanStory) -> None:
        super().__init__(told.story)
        self.steps = told.steps

    def back(self, group: ElementTree.Element) -> None:
        """Behind the rows, the steps as well."""
        super().back(group)
        free = [float("-inf")] * _LANES  # up to where each lane is taken
        for step in self.steps:
            x = self.x(step.span.start)
            lane = next((lane for lane, taken in enumerate(free) if x >= taken), _LANES - 1)
            free[lane] = x + _APART
            self.step(step, x, TOP - 4 + lane * _LANE, group)

    def step(self, step: StepSpan, x: float, y: float, group: ElementTree.Element) -> None:
        """A step's number where it began, with a line down through the rows; a door as the span that it is."""
        if step.kind == "door":
            width = max(2.0, self.x(step.span.end) - x)
            box = {"x": x, "y": y, "width": round(width, 1), "height": self.bottom - y, "class": "door"}
            self.add("rect", box, to=group)
        else:
            self.add("line", {"x1": x, "x2": x, "y1": y, "y2": self.bottom, "class": "grid"}, to=group)
        mark = "cut" if step.broken else "step"
        self.add("circle", {"cx": x + 8, "cy": y + 8, "r": 8, "class": mark})
        self.text(x + 8, y + 12, str(step.number), "lost" if step.broken else "soft", "middle")

    def name_of(self, span: Span, x: float, *, door: bool) -> None:
        """The name of a fault, above the steps."""
        self.text(x, TOP - 14, span.name, "soft", "middle" if door else "start")

    def legend(self, y: float) -> float:
        """What the numbers mean, then what the colours do."""
        lines = [f"{step.number}  {step.says}{_broken(step)}" for step in self.steps]
        half = max(_SHORT, -(-len(lines) // _COLUMN))
        for number, line in enumerate(lines):
            column, row = divmod(number, half)
            kind = "lost" if self.steps[number].broken else "soft"
            self.text(20 + column * (WIDTH - 40) / _COLUMN, y + 17 * row, f"{line:.{_LETTERS}}", kind)
        return super().legend(y + 17 * min(half, len(lines)) + 14)

    def notes(self) -> list[str]:
        """What else a reader has to know, a line each; a move of the clock is a step, and is named there."""
        notes = [
            "A bar that stops at a thick stroke: the run was lost. Runs that were to come in the end are left out."
        ]
        if any(row.fate == REMOVED for row in self.story.rows):
            notes.append("A bar that stops without one: an update removed the run before it was due, and made it anew.")
        if self.story.moves:
            notes.append("A dotted stroke: the clock of the lab was moved, which takes no time here.")
        return notes


def _broken(step: StepSpan) -> str:
    return f": broke {', '.join(step.broken)}" if step.broken else ""


def draw_plan(told: PlanStory, title: str) -> str:
    """The picture as SVG text; `title` is what a screen reader says."""
    return PlanDrawing(told).draw(title)
