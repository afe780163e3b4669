"""One door on a deployment of its own: what its phases know of it, and where its history is.

What comes before and between, the trials of a staging share (staging.py). Each phase (trigger.py, looks.py) is a
function from a Trial to its history; none of them judges. What a phase cannot do raises LabError, and ends this trial
alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.doors import Door
from harness.history import History
from harness.words.names import SIDES

if TYPE_CHECKING:
    from harness.lab.lab import Lab
    from harness.trials.staging import Staging

TREATED, TWIN = SIDES


@dataclass
class Trial:
    """A door on a staging's treated deployment of its own; everything that is done is in its history."""

    door: Door
    staging: Staging
    history: History
    treated: dict[str, Any] = field(default_factory=dict)
    at_risk: dict[str, list[str]] = field(default_factory=dict)
    staged: dict[str, str] = field(default_factory=dict)  # the side of each run that was listed before the door, by id
    opened: bool = False
    deleted: bool = False  # the door deleted the treated deployment
    at: str = ""  # when the door is opened, in words

    @property
    def name(self) -> str:
        """The treated deployment's name."""
        return f"{self.staging.scenario.name}--{self.door.name}"  # rule: door-own-deployment

    @property
    def lab(self) -> Lab:
        """The lab it is staged in."""
        return self.staging.lab

    @property
    def deployments(self) -> dict[str, dict[str, Any]]:
        """Both deployments by their side, as they were staged."""
        return {TREATED: self.treated, TWIN: self.staging.twin}
