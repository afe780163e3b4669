"""What the evidence costs: one trial's, written again from its saved history, and a page of a thousand such trials.

python benchmarks/evidence.py RESULTS      such as results/latest, of a plain `nox -s reproduce`; needs Chromium

Each figure is the median of five, in one process, with the smallest and largest beside it.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import structs
from msgspec.structs import replace

from harness.evidence import Run
from harness.evidence.page import page as page_of
from harness.evidence.page import writer
from harness.runs.conclude import conclude
from harness.store.results import read_results, read_run, write_results, write_run
from harness.words.plan import Plan

TRIALS, TIMES = 1000, 5
# What a visitor waits for: the page is there, and a filter has been applied to all of it.
FILTERED = """<script>
form.elements.outcome.value = "lost";
form.elements.outcome.dispatchEvent(new Event("input", {bubbles: true}));
document.body.offsetHeight;
document.documentElement.dataset.milliseconds = performance.now();
</script></body>"""


def main() -> None:
    """Print the figures. Ends with a line where no such results are there, or no Chromium."""
    results = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not (results / "plan.json").is_file() or chromium is None:
        sys.exit("Name a results folder, such as results/latest; and Chromium is to be installed.")
    plan = Plan.read(results / "plan.json")
    with tempfile.TemporaryDirectory() as scratch:
        copied = replace(plan, folder=Path(scratch) / "run")
        shutil.copytree(results, copied.folder)
        for cell in copied.cells:
            said(cell.name, lambda cell=cell: timed(lambda: conclude(copied, cell)))  # type: ignore[misc]
        page = a_thousand(copied, Path(scratch) / "thousand")
        said(f"a page of {TRIALS} made", lambda: timed(lambda: page_of(Run.read(page.parent))))
        print(f"  {page.stat().st_size / 2**20:.1f} MB")
        filtering = page.with_name("filtering.html")
        filtering.write_text(page.read_text(encoding="utf-8").replace("</body>", FILTERED), encoding="utf-8")
        said("a page opened and filtered", lambda: opened(chromium, filtering))


def a_thousand(plan: Plan, folder: Path) -> Path:
    """A run of so many trials, these ones over and over; the path of its page."""
    entries = read_results(plan.folder).trials
    there = [entry for entry in entries if (plan.folder / entry.folder / "history.jsonl").exists()]
    made = []
    for number in range(TRIALS):
        entry = there[number % len(there)]
        name = f"{Path(entry.folder).name}--{number}"
        shutil.copytree(plan.folder / entry.folder, folder / "trials" / name)
        made.append(structs.replace(entry, folder=f"trials/{name}"))
    write_results(folder, made, exit_code=0, seconds=1.0)
    write_run(folder, read_run(plan.folder))
    page = folder / writer.file
    page.write_text(page_of(Run.read(folder)), encoding="utf-8")
    return page


def timed(act: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def opened(chromium: str, page: Path) -> float:
    """Seconds from the start of the page's load to its having been filtered, by the browser's own clock."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (found,) = re.findall(r'data-milliseconds="([^"]*)"', done.stdout.partition("<head>")[0])
    return float(found) / 1000


def said(what: str, measure: Callable[[], float]) -> None:
    """Measure some times, and print it."""
    seconds = [measure() for _ in range(TIMES)]
    print(f"{what}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})", flush=True)


if __name__ == "__main__":
    main()
