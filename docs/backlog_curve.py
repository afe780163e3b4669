"""Draws docs/pictures/backlog-curve.svg from docs/backlog.json: what a trial costs by the size of its backlog.

python docs/backlog_curve.py     needs the dependency group `pictures` (matplotlib)
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

DOCS = Path(__file__).resolve().parent
PARTS = {
    "prove": "the server calls the runs Late",
    "observe": "each run is looked up after the door",
    "drain": "the sample runs, and each run is looked up again",
    "other": "all else",
}


def main() -> None:
    """Write the picture."""
    told = json.loads((DOCS / "backlog.json").read_text(encoding="utf-8"))
    sizes = [each["runs"] for each in told["trials"]]
    mpl.rcParams.update({"svg.hashsalt": "backlog", "font.size": 9, "svg.fonttype": "none"})
    figure, (whole, each_run) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    total = [sum(each["cpu_seconds"].values()) for each in told["trials"]]
    whole.loglog(sizes, total, "o-", label="a trial")
    whole.loglog(sizes, [total[0] * size / sizes[0] for size in sizes], ":", color="grey", label="in proportion")
    whole.set(xlabel="late runs of each deployment", ylabel="CPU s of the lab", title="A trial")
    whole.legend()
    below = [0.0] * len(sizes)
    for part, name in PARTS.items():
        of_it = [1000 * each["cpu_seconds"][part] / (2 * each["runs"]) for each in told["trials"]]
        each_run.bar([f"{size:,}" for size in sizes], of_it, bottom=below, label=name)
        below = [was + more for was, more in zip(below, of_it, strict=True)]
    each_run.set(ylim=(0, 160), xlabel="late runs of each deployment", ylabel="CPU ms a run, both sides", title="A run")
    each_run.legend(fontsize=7)
    figure.savefig(DOCS / "pictures" / "backlog-curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
