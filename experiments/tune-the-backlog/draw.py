"""Draws measured.svg from measured.json, and prints the table of measured.md.

python draw.py     needs the dependency group `pictures` (matplotlib)
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from shapes import predicted

HERE = Path(__file__).resolve().parent
HEAD = (
    "deployment",
    "interval, s",
    "run time, s",
    "slots",
    "asks again after, s",
    "due",
    "at risk: predicted",
    "measured",
    "held longer, s",
    "empty, s",
    "predicted with both",
)


def main() -> None:
    """Write the picture, print the table."""
    told = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
    found = []
    for one in told["passes"]:
        overhead = _overhead(one)
        print(f"overhead {overhead:.2f} s, {one['seconds']} s, {one['refused_writes']} writes refused")
        found += [deployment | _foretold(one["seconds"], deployment, overhead) for deployment in one["deployments"]]
    print(f"| {' | '.join(HEAD)} |", "|---" + "|---:" * (len(HEAD) - 1) + "|", *(_row(one) for one in found), sep="\n")
    mpl.rcParams.update({"svg.hashsalt": "tune", "font.size": 9, "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharey=True)
    seconds = statistics.mean(one["seconds"] for one in told["passes"])
    overhead = statistics.mean(_overhead(one) for one in told["passes"])
    grid = [tenth / 10 for tenth in range(75, 245)]
    line = [predicted(seconds, interval, 1, 12, overhead) for interval in grid]
    axes[0].plot(grid, line, color="grey", label="predicted")
    slots = [1 + tenth / 20 for tenth in range(61)]
    for axis in axes[1:]:
        axis.plot(slots, [predicted(seconds, 8, each, 16, overhead) for each in slots], color="grey", label="predicted")
    _points(axes[0], found, "interval", ["interval", "interval, uneven", "interval, prefetch 10 s"])
    _points(axes[1], found, "slots", ["limit", "limit 1, two workers"])
    _points(axes[2], found, "slots", ["worker's limit", "workers of limit 1"])
    axes[0].set(
        xlabel="interval, s", ylabel=f"runs at risk after {seconds:.0f} s", title="Interval; limit 1, run time 12 s"
    )
    axes[1].set(xlabel="concurrency limit", title="Limit; interval 8 s, run time 16 s", xticks=[1, 2, 3, 4])
    axes[2].set(xlabel="slots of all workers", title="Workers; the same, no limit", xticks=[1, 2, 3, 4])
    for axis in axes:
        axis.set_ylim(bottom=-0.5)
        axis.legend(fontsize=7)
    figure.savefig(HERE / "measured.svg", metadata={"Date": None})


def _overhead(one: dict[str, Any]) -> float:
    """How much longer than its run time a run of this pass held its slot: the mean, without those taken early."""
    even = [each for each in one["deployments"] if _has_overhead(each) and not each["prefetch"]]
    return float(sum(each["overhead"] * each["ended"] for each in even) / sum(each["ended"] for each in even))


def _has_overhead(one: dict[str, Any]) -> bool:
    """Of uneven run times, more short ones than long ones may have ended."""
    return one["overhead"] is not None and len(one["run_times"]) == 1


def _foretold(seconds: float, one: dict[str, Any], overhead: float) -> dict[str, Any]:
    run_time = statistics.mean(one["run_times"])
    arithmetic = predicted(seconds, one["interval"], one["slots"], run_time, overhead)
    own = (one["overhead"] if _has_overhead(one) else overhead) + (one["empty"] or 0)
    return {"predicted": arithmetic, "with_empty": predicted(seconds, one["interval"], one["slots"], run_time, own)}


def _row(one: dict[str, Any]) -> str:
    waits = one["slot_wait"] if one["limit"] else "-"
    empty = "-" if one["empty"] is None else f"{one['empty']:.1f}"
    held = f"{one['overhead']:.1f}" if _has_overhead(one) else "-"
    times = " and ".join(map(str, one["run_times"]))
    cells = [one["curve"], one["interval"], times, one["slots"], waits, one["due"], f"{one['predicted']:.1f}"]
    return "| " + " | ".join(map(str, [*cells, one["at_risk"][-1][1], held, empty, f"{one['with_empty']:.1f}"])) + " |"


def _points(axis: Any, found: list[dict[str, Any]], by: str, curves: list[str]) -> None:
    """What was measured: a mark for each curve, filled where a run that found no slot asks again after 30 s."""
    for curve, mark, colour in zip(curves, "osD", ("C0", "C1", "k"), strict=False):
        for slot_wait, face in ((30, colour), (5, "none")):
            those = [one for one in found if one["curve"] == curve and one["slot_wait"] == slot_wait]
            if not those:
                continue
            name = f"{curve}; asks again after {slot_wait} s" if those[0]["limit"] else curve
            x, y = [one[by] for one in those], [one["at_risk"][-1][1] for one in those]
            axis.plot(x, y, mark, markerfacecolor=face, markeredgecolor=colour, label=name, clip_on=False)


if __name__ == "__main__":
    main()
