"""Builds the documentation into site/, strictly, and checks it: each link and picture leads to a file of it.

Zensical is given a copy of the files that git knows: in a checkout with environments and results (29,000 files) its
version 0.0.73 hung. `zensical build --strict` checks links to pages. What is checked here is links to all files, as a
browser resolves them, and that a browser fetches nothing from elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
_BUILD_SECONDS = 180  # it takes 3 to 10
_LOADED = {("link", "href"), ("script", "src"), ("img", "src"), ("source", "srcset"), ("iframe", "src")}


class _Links(HTMLParser):
    """Collects what a page links to, and what a browser loads with it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (tag, name) in _LOADED:
                self.loaded.append(value)
            elif value and (tag, name) == ("a", "href"):
                self.links.append(value)


def problems(site: Path) -> list[str]:
    """One sentence for each link that leads nowhere and each file that would be fetched from elsewhere."""
    found = []
    for page in sorted(site.rglob("*.html")):
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        said = page.relative_to(site)
        found += [f"{said} fetches {url}" for url in links.loaded if urlsplit(url).netloc]
        for url in [*links.links, *links.loaded]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            start = site if parts.path.startswith("/") else page.parent
            if not (start / unquote(parts.path.lstrip("/"))).resolve().is_file():
                found.append(f"{said} links to {url}, which is no file of the site")
    return found


def build() -> int:
    """Build the site; returns the exit code of Zensical, whose warnings are errors."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, Path(folder) / name)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        code = subprocess.run(command, cwd=folder, check=False, timeout=_BUILD_SECONDS).returncode
        if code == 0:
            shutil.rmtree(SITE, ignore_errors=True)
            shutil.move(Path(folder) / "site", SITE)
    return code


if __name__ == "__main__":
    if code := build():
        sys.exit(code)
    wrong = problems(SITE)
    print("\n".join(wrong) or f"every link of {len(list(SITE.rglob('*.html')))} pages leads to a file")
    sys.exit(1 if wrong else 0)
