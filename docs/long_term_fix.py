"""Writes the tables of docs/long-term-fix.md and its picture, from what was measured (docs/long-term-fix.json).

python docs/long_term_fix.py [RESULTS...]     takes trials of these runs (results.json) in before
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
DATA, PAGE, PICTURE = DOCS / "long-term-fix.json", DOCS / "long-term-fix.md", DOCS / "pictures" / "long-term-fix.svg"
LONG = "3.3.3+waiting-state-type"
TRANSLATED = f"{LONG}+translate-waiting"
FIXES = {
    "3.3.3": "3.3.3",
    "3.3.3+keep-waiting-runs": "short fix",
    LONG: "long fix",
    f"{LONG}+keep-waiting-runs": "both",
}
ROLES = {
    f"{LONG}/worker=3.3.3/deployer=3.3.3": "new server; old worker, old deployer",
    f"{LONG}/worker=3.3.3": "new server and deployer; old worker",
    f"{LONG}/deployer=3.3.3": "new server and worker; old deployer",
    f"3.3.3/worker={LONG}/deployer={LONG}": "old server; new worker, new deployer",
    f"{TRANSLATED}/worker=3.3.3/deployer=3.3.3": "new server that translates; old worker, old deployer",
    f"3.3.3/worker={LONG}/deployer={LONG}/upgrade={LONG}": "new worker, new deployer; server upgraded under them",
}
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_USUAL = ("prefect-deploy", "serve-stop")
COLOURS = {"survived": "#009e73", "ticks whole": "#009e73", "lost": "#d55e00"}
OTHER = "#b8bcc2"
KEPT = ("subject", "scenario", "door", "database", "outcome", "at_risk", "lost", "reason")
NAME, CELL, ROW, TOP = 330, 130, 24, 62


def main(folders: Sequence[str]) -> None:
    """Take the runs in, then write everything."""
    trials = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else []
    for folder in folders:
        found = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["trials"]
        controls = {f"trials/{each['control']}" for each in found}
        for each in (each for each in found if each["folder"] not in controls and each["outcome"] != "not-applicable"):
            by_ticks = {"outcome": f"ticks {each['ticks']['outcome']}"} if each["judged_by"] == "ticks" else {}
            trials += [{key: each[key] for key in KEPT} | by_ticks] * bool(each["outcome"])
    measured = {(each["scenario"], each["door"], each["database"], each["subject"]): each for each in trials}
    lines = [json.dumps(measured[key]) for key in sorted(measured)]
    DATA.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    for path, text in drawn_and_told().items():
        path.write_text(text, encoding="utf-8")


def drawn_and_told() -> dict[Path, str]:
    """The picture, and the page with its tables, by what was measured."""
    trials = json.loads(DATA.read_text(encoding="utf-8"))
    measured = {(each["scenario"], each["door"], each["database"], each["subject"]): each for each in trials}
    cells = sorted({key[:3] for key in measured if key[3] in FIXES and key[3] != "3.3.3"}, key=_order)
    by_fix = {cell: [measured.get((*cell, subject)) for subject in FIXES] for cell in cells}
    page = _replaced(PAGE.read_text(encoding="utf-8"), "fixes", _grouped(by_fix))
    drawn = [(_named(*cell), trials) for cell, trials in by_fix.items() if _is_drawn(cell, trials)]
    cells = sorted({key[:3] for key in measured if key[3] in ROLES}, key=_order)
    by_roles = [
        (name, [measured.get((*cell, subject)) for cell in cells])
        for subject, name in ROLES.items()
        if any((*cell, subject) in measured for cell in cells)
    ]
    heads = ["roles", *(_named(*cell) for cell in cells)]
    return {PICTURE: _drawn(drawn), PAGE: _replaced(page, "roles", _table(heads, by_roles))}


def _order(cell: tuple[str, str, str]) -> tuple[bool, bool, tuple[str, str, str]]:
    return cell[2] != "sqlite", cell[1] not in _USUAL, cell


def _named(scenario: str, door: str, database: str) -> str:
    parts = [scenario] + [door] * (door != "prefect-deploy") + ["PostgreSQL"] * (database != "sqlite")
    return ", ".join(parts)


def _said(trial: dict[str, Any] | None) -> str:
    if trial is None:
        return ""
    if trial["outcome"] == "lost" and trial["at_risk"]:
        return f"lost {trial['lost']}/{trial['at_risk']}"
    return str(trial["outcome"])


def _is_drawn(cell: tuple[str, str, str], trials: Sequence[dict[str, Any] | None]) -> bool:
    """Whether a cell is in the picture: by the door of the report, or not the same with each fix."""
    return cell[1] in _USUAL or len({_word(each) for each in trials[1:3] if each}) > 1


def _word(trial: dict[str, Any] | None) -> str:
    """What a trial came to, the same for cells that lost all; empty where it was not tried."""
    whole = trial and trial["outcome"] == "lost" and trial["lost"] == trial["at_risk"]
    return "lost" if whole else _said(trial)


def _grouped(by_fix: dict[tuple[str, str, str], list[dict[str, Any] | None]]) -> str:
    """A table of cells by what they came to without a fix, with the short and with the long one."""
    groups: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for cell, trials in by_fix.items():
        groups.setdefault((DATABASES[cell[2]], *(_word(each) for each in trials[:3])), []).append(cell)
    heads = ["cells", "database", *FIXES.values(), "scenario: doors"]
    lines = ["| " + " | ".join(heads) + " |", "|---:|" + "---|" * (len(heads) - 1)]
    for group, cells in sorted(groups.items(), key=_what_differs_first):
        both = [_word(by_fix[cell][3]) for cell in cells if by_fix[cell][3]]
        with_both = f"{both[0]} ({len(both)} tried)" if len(set(both)) == 1 else ", ".join(both)
        doors: dict[str, list[str]] = {}
        for scenario, door, _ in cells:
            doors.setdefault(scenario, []).append(f"`{door}`")
        told = "; ".join(f"{scenario}: {', '.join(each)}" for scenario, each in doors.items())
        lines.append(f"| {len(cells)} | " + " | ".join([*group, with_both, told]) + " |")
    return "\n".join(lines)


def _what_differs_first(group: tuple[tuple[str, ...], list[tuple[str, str, str]]]) -> tuple[bool, bool, int]:
    """The order of the groups: SQLite first, what all came to alike last, the largest of each first."""
    (database, *words), cells = group
    return database != DATABASES["sqlite"], len({word for word in words if word}) == 1, -len(cells)


def _table(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[dict[str, Any] | None]]]) -> str:
    lines = [heads, ["---"] * len(heads), *([name, *map(_said, cells)] for name, cells in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _replaced(page: str, name: str, text: str) -> str:
    found, number = re.subn(
        rf"(<!-- {name} -->\n\n).*?(\n\n<!-- end -->)", lambda m: m[1] + text + m[2], page, flags=re.S
    )
    if number != 1:
        sys.exit(f"{PAGE.name} has no place for the table {name}")
    return found


def _drawn(rows: Sequence[tuple[str, Sequence[dict[str, Any] | None]]]) -> str:
    width, height = NAME + CELL * len(FIXES) + 20, TOP + ROW * len(rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="10" y="22" font-size="14" font-weight="700" fill="#1c2024">What became of the waiting runs of 3.3.3'
        "</text>",
    ]
    parts += [
        f'<text x="{NAME + CELL * number + CELL / 2}" y="{TOP - 10}" text-anchor="middle" fill="#1c2024">{name}</text>'
        for number, name in enumerate(FIXES.values())
    ]
    for line, (name, cells) in enumerate(rows):
        y = TOP + ROW * line
        parts.append(f'<text x="10" y="{y + 16}" fill="#1c2024">{escape(name)}</text>')
        for number, trial in enumerate(cells):
            if trial is None:
                continue
            colour = COLOURS.get(trial["outcome"], OTHER)
            x, ink = NAME + CELL * number, "#fff" if trial["outcome"] in COLOURS else "#1c2024"
            parts.append(
                f'<rect x="{x + 2}" y="{y + 1}" width="{CELL - 4}" height="{ROW - 3}" rx="3" fill="{colour}"/>'
            )
            parts.append(
                f'<text x="{x + CELL / 2}" y="{y + 16}" text-anchor="middle" fill="{ink}">{_said(trial)}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
