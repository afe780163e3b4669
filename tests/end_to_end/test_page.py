"""A run's page in a real browser, from file://: it opens, filters and expands, and nothing in it is more than text."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.doors import load_doors
from harness.evidence import Run, write_evidence
from harness.runs.conclude import conclude
from harness.runs.plan import plan_cell
from harness.store.results import write_results, write_run
from harness.trials.scenario import load_scenarios
from harness.words.plan import Plan
from harness.words.records import Harness, RunFacts, TrialResult

DOORS = load_doors()

pytestmark = pytest.mark.end_to_end
RECORDED = Path(__file__).resolve().parent.parent / "unit" / "recorded"
HOSTILE = (
    "</details></summary><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\x1b[31m"
)
# Runs in the page, as a person would use it; what it saw is left in an attribute.
VISIT = """
<script>{
const seen = {milliseconds: performance.now()};
seen.trials = document.querySelectorAll("details.trial").length;
const shown = () => [...document.querySelectorAll("details.trial")].filter(one => one.offsetParent !== null).length;
function choose(name, value) {
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("input", {bubbles: true}));
  return shown();
}
seen.open = [...document.querySelectorAll("details.trial[open]")].map(one => one.id);
seen.inside = [...document.querySelectorAll("svg.tl")].filter(one => one.checkVisibility()).length;
seen.all = shown();
seen.lost = choose("outcome", "lost");
const first = [...document.querySelectorAll("details.trial")].find(one => !one.hidden && !one.open);
seen.before = first.querySelectorAll("svg.tl").length;
first.querySelector("summary").click();
seen.after = first.querySelector("svg.tl")?.checkVisibility() ?? false;
seen.picture = first.querySelector("svg.tl")?.getBoundingClientRect().height ?? 0;
seen.none = choose("text", "no such words");
seen.text = choose("text", "GONE, AND THE TWIN");
choose("outcome", "");
choose("text", "all that is there has its insides now");
choose("text", "");
const cell = document.querySelector(".grid td a:last-of-type");
if (cell) {
  choose("text", "no such words");
  cell.click();
  openNamed();  // as the change of the hash does, a moment later
  const named = document.getElementById(cell.hash.slice(1));
  seen.opened = {
    id: named.id, word: cell.textContent, open: named.open, shown: named.checkVisibility(),
    focused: document.activeElement === named.querySelector("summary"), inside: named.querySelectorAll("svg.tl").length,
  };
  seen.grid = document.querySelector(".grid").getBoundingClientRect().height <= innerHeight;
}
seen.elements = document.querySelectorAll("img, iframe, object, details.trial script").length;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
document.documentElement.dataset.seen = JSON.stringify(seen);
}</script>
"""


def make_run(folder: Path, number: int, hostile: str = "") -> Path:
    """The folder of a run of so many trials, made from two recorded ones, one lost and one survived."""
    folder.mkdir()
    entries: list[TrialResult] = []
    for each in range(number):
        version, outcome = (("3.3.3", "lost"), ("3.3.4", "survived"))[each % 2]
        cell = plan_cell(
            load_scenarios()["worker-outage"], DOORS["prefect-deploy"], subject=version, version=version, as_of="",
            engine="containers", engine_detail="", command="nox -s reproduce", repetition=each // 2 + 1,
        )  # fmt: skip
        plan = Plan("run", folder, [cell])
        own = plan.trial_folder(cell)
        own.mkdir(parents=True)
        shutil.copy(RECORDED / f"worker-outage-{outcome}.jsonl", own / "history.jsonl")
        (own / "subject.lock").write_text(f"# a lock\nprefect=={version} \\\n    --hash=sha256:0\n", encoding="utf-8")
        if each < 2:
            entry = conclude(plan, cell)
        else:  # the same evidence again
            shutil.copytree(folder / entries[each % 2].folder, own, dirs_exist_ok=True)
            entry = replace(entries[each % 2], folder=f"trials/{own.name}", repetition=cell.repetition)
        if hostile:
            saved = json.loads((own / "verdict.json").read_text(encoding="utf-8"))
            saved |= {"log": hostile, "source": hostile, "command": hostile}
            (own / "verdict.json").write_text(json.dumps(saved), encoding="utf-8")
            reason = f"{entry.reason} {hostile}"
            entry = replace(entry, subject=hostile, reference=hostile, note=hostile, reason=reason)
        entries.append(entry)
    write_results(folder, entries, exit_code=0, seconds=1.0)
    made_by = Harness(commit=hostile, dirty=True)
    write_run(folder, RunFacts(command=hostile or "nox -s reproduce", harness=made_by))
    write_evidence(Run.read(folder), folder, nullcontext)
    return folder / "index.html"


def visit(chromium: str, page: Path, width: int = 1000, part: str = "") -> dict[str, Any]:
    """What a visitor of the page, or of a part of it, sees; and `console`, what the browser complained of."""
    visited = page.with_name("visited.html")
    visited.write_text(page.read_text(encoding="utf-8").replace("</body>", VISIT + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--enable-logging=stderr", "--v=0", f"--window-size={width},900", "--dump-dom", f"{visited.as_uri()}#{part}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    (found,) = re.findall(r'data-seen="([^"]*)"', done.stdout.partition("<head>")[0])
    title = re.findall(r"<title>([^<]*)</title>", done.stdout)[0]  # as it is once all that was put in has been loaded
    return {**json.loads(html.unescape(found)), "title": title, "console": re.findall(r".*CONSOLE.*", done.stderr)}


@pytest.mark.parametrize("width", [1200, 500])
def test_the_page_opens_filters_and_expands(chromium: str, tmp_path: Path, width: int) -> None:
    seen = visit(chromium, make_run(tmp_path / "run", 6), width)
    assert seen["console"] == []
    assert (seen["trials"], seen["all"], seen["lost"], seen["none"], seen["text"]) == (6, 6, 3, 0, 3)
    assert (seen["before"], seen["after"]) == (0, True), "what is in it is made when it is opened"
    assert seen["picture"] > 100
    assert seen["wide"], "it is never wider than the window"


@pytest.mark.parametrize("width", [1200, 500])
def test_a_cell_of_the_grid_opens_its_trial_whatever_the_filters_say(chromium: str, tmp_path: Path, width: int) -> None:
    seen = visit(chromium, make_run(tmp_path / "run", 4), width)
    assert seen["opened"] == {
        "id": "worker-outage--prefect-deploy--3.3.3--containers", "word": "lost 2/2", "open": True, "shown": True,
        "focused": True, "inside": 1,
    }  # fmt: skip
    assert seen["grid"], "it is never higher than the window"


def test_a_link_to_a_trial_opens_it(chromium: str, tmp_path: Path) -> None:
    page = make_run(tmp_path / "run", 4)
    last = "worker-outage--prefect-deploy--3.3.4--containers--2"
    linked = visit(chromium, page, part=last)
    assert (linked["open"], linked["inside"]) == ([last], 1)
    assert visit(chromium, page, part="50%")["open"] == []
    page.write_text(page.read_text(encoding="utf-8").replace(f'id="{last}"', f'id="{last}" open'), encoding="utf-8")
    assert visit(chromium, page)["inside"] == 1, "one that is open from the start has its insides, too"


def test_what_is_hostile_in_names_and_logs_is_text(chromium: str, tmp_path: Path) -> None:
    seen = visit(chromium, make_run(tmp_path / "run", 4, HOSTILE))
    assert seen["console"] == []
    assert (seen["title"], seen["elements"]) == ("Which flow runs survived: 4 trials", 0)
    assert (seen["all"], seen["lost"], seen["none"]) == (4, 2, 0)


def test_a_run_of_a_thousand_trials_is_a_page_that_can_be_used(chromium: str, tmp_path: Path) -> None:
    page = make_run(tmp_path / "run", 1000)
    assert page.stat().st_size < 15 * 2**20
    seen = visit(chromium, page)
    assert (seen["all"], seen["lost"], seen["none"], seen["text"]) == (1000, 500, 0, 500)


def test_the_page_names_nothing_to_be_fetched(tmp_path: Path) -> None:
    text = make_run(tmp_path / "run", 2).read_text(encoding="utf-8")
    linked = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert linked and all(link.startswith(("trials/", "#")) for link in linked)
    assert "default-src 'none'" in text


def test_a_secret_in_a_log_is_masked_and_takes_no_markup_along(tmp_path: Path) -> None:
    text = make_run(tmp_path / "run", 2, "password=abcdefgh").read_text(encoding="utf-8")
    assert "abcdefgh" not in text
    assert text.count("<pre>") == text.count("</pre>")
