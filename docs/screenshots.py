"""Makes docs/pictures from a run: its page in light, dark and narrow, and a lost trial's timeline in light and dark.

python docs/screenshots.py RESULTS     such as results/latest, of a plain `nox -s reproduce`; needs Chromium
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path(__file__).resolve().parent / "pictures"
DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")


def main() -> None:
    """Take the five pictures. Ends with a line where there is no lost trial to show, or no Chromium."""
    run = Path(sys.argv[1]).resolve()
    trials = json.loads((run / "results.json").read_text(encoding="utf-8"))["trials"]
    lost = next((Path(trial["folder"]).name for trial in trials if trial["outcome"] == "lost"), None)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if lost is None or chromium is None:
        sys.exit(f"{'No trial of the run is lost' if chromium else 'No Chromium is installed'}; nothing was made.")
    PICTURES.mkdir(exist_ok=True)
    opened = (run / "index.html").read_text(encoding="utf-8").replace(f'id="{lost}"', f'id="{lost}" open', 1)
    svg = run / "trials" / lost / "timeline.svg"
    height = re.search(r'height="(\d+)', svg.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "opened.html").write_text(opened, encoding="utf-8")
        shoot(chromium, (Path(folder) / "opened.html").as_uri(), svg.as_uri(), height[1] if height else "400")


def shoot(chromium: str, page: str, timeline: str, height: str) -> None:
    """Each picture, and its path on a line."""
    for name, where, size, *options in (
        ("page-light", page, "1200,1150"),
        ("page-dark", page, "1200,1150", *DARK),
        ("page-narrow", page, "500,1400"),
        ("timeline-light", timeline, f"980,{height}"),
        ("timeline-dark", timeline, f"980,{height}", *DARK),
    ):
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        command += ["--disable-background-networking", f"--window-size={size}", *options]
        target = PICTURES / f"{name}.png"
        subprocess.run([*command, f"--screenshot={target}", where], check=True, capture_output=True, timeout=120)
        print(target.relative_to(PICTURES.parent.parent))


if __name__ == "__main__":
    main()
