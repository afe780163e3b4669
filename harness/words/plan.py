"""What a run is going to do, as a record: its cells, each one scenario, one door, one subject on one engine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.words.files import write_whole
from harness.words.names import EXEC, REAL, SQLITE, SURVIVAL
from harness.words.promises import Expectation

_OF_OLD = {"expected_ticks", "sometimes", "sometimes_reference", "promise_references"}  # fields of a cell


def slug(subject: str) -> str:
    """A subject as part of a folder's or a container's name; a digest tells apart what would look the same in it."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", subject).strip("-.")[-40:]
    return plain if plain == subject else f"{plain}-{hashlib.sha256(subject.encode()).hexdigest()[:6]}"


def ground(subject: str, engine: str, database: str, clock: str = REAL) -> str:
    """What a trial runs on, as part of a folder's or a container's name."""
    unusual = [one for one in (database, clock) if one not in (SQLITE, REAL)]
    return "-".join([f"{slug(subject)}--{engine}", *unusual])


def numbered(repetition: int) -> str:
    """A repetition as the end of a folder's name; nothing of the first."""
    return f"--{repetition}" if repetition > 1 else ""


def unnumbered(name: str) -> str:
    """A trial folder's name without its repetition."""
    return re.sub(r"--\d+$", "", name)


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One trial to be: everything about it that is known before it starts.

    subject      as the person asked for it; `version` is what that resolved to (empty where it did not)
    versions     of the worker or the deployer, by role, where they are another than the server
    lab          the lab it shares with other cells of the same subject on the same engine and database
    expected     the outcome known for this release, and `reference`, where from; empty where nothing is known
    note         what the person should know of the subject (a release that `latest` passed over)
    repetition   which of several of the same; each has a lab of its own
    judged_by    `survival`, or the promise that it is judged by, by its name
    schedules, concurrency_limit  that were asked for in place of the scenario's own, in words (words/schedule_words.py)
    at           when the door is opened, in words (words/moments.py); empty: as soon as enough runs are at risk
    clock        which clock its lab is on, one of CLOCKS
    reach        `server` where its door hits the twin, too; `control` is then the name of the cell that is held against
                 it, in another lab; empty for one that is itself such a control
    held         it is held to what is right, whatever is known: what happens now and then has no verdict then
    promises     what is expected of each promise, by its name
    """

    scenario: str
    door: str
    subject: str
    version: str
    as_of: str
    engine: str
    database: str
    engine_detail: str
    lab: str
    versions: Mapping[str, str] = {}
    expected: str | None = None
    reference: str = ""
    outcome: str | None = None
    reason: str = ""
    note: str = ""
    command: str = ""
    repetition: int = 1
    judged_by: str = SURVIVAL
    held: bool = False
    clock: str = REAL
    promises: Mapping[str, Expectation] = {}
    schedules: Sequence[str] = ()
    concurrency_limit: str = ""
    at: str = ""
    reach: str = ""
    control: str = ""

    @property
    def name(self) -> str:
        """The trial's folder name."""
        on = ground(self.subject, self.engine, self.database, self.clock)
        limit = self.concurrency_limit and f"limit {self.concurrency_limit}"
        shape = " ".join(filter(None, [*self.schedules, limit, self.at]))
        of = f"--{slug(shape)}" if shape else ""
        return f"{self.scenario}--{self.door}--{on}{of}{numbered(self.repetition)}"


def read_cell(said: Any) -> Cell:
    """The cell that a history holds. Raises: msgspec.ValidationError for what is none.

    Before schema 8 of the history it said otherwise what is expected of promises, and of ticks beside them.
    """
    if isinstance(said, dict) and not said.keys().isdisjoint(_OF_OLD):
        outcomes, references = (said.get(name) or {} for name in ("promises", "promise_references"))
        promises = {name: {"outcome": one, "reference": references.get(name, "")} for name, one in outcomes.items()}
        if said.get("expected_ticks"):
            often = {name: said.get(name, "") for name in ("sometimes", "sometimes_reference")}
            promises["ticks"] = {"outcome": said["expected_ticks"], "reference": said.get("reference", ""), **often}
        said = {name: of for name, of in said.items() if name not in _OF_OLD} | {"promises": promises}
    return msgspec.convert(said, Cell)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run's id, its results folder, its cells, what to keep of its labs, and how their processes start.

    `places`: where scenario folders lie beside those of the harness.
    """

    run: str
    folder: Path
    cells: Sequence[Cell]
    keep: str = "failed"
    start: str = EXEC
    places: Sequence[Path] = ()

    def trial_folder(self, cell: Cell) -> Path:
        """Where a cell's evidence lies."""
        return self.folder / "trials" / cell.name

    def lab_folder(self, lab: str) -> Path:
        """Where a lab's logs and phases lie."""
        return self.folder / "labs" / lab

    def write(self, path: Path) -> None:
        """Save the plan for the workers that carry it out."""
        write_whole(path, json.dumps(msgspec.to_builtins(self, enc_hook=str), indent=1))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The plan that `write` saved."""
        saved: Plan = msgspec.json.decode(path.read_bytes(), type=cls, dec_hook=lambda kind, value: kind(value))
        return saved
