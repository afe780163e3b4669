"""Where scenarios, overlays and docker files lie: in the checkout, or in the installed package where there is none."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "share"  # where a wheel has them (pyproject.toml)
IS_CHECKOUT = not _INSTALLED.exists()
ROOT = _PACKAGE.parent if IS_CHECKOUT else _INSTALLED
FIX_TESTS = ROOT / "remedies" / "fixes"


def session(command: str) -> list[str]:
    """The words that a person begins a command with: by nox in a checkout, as installed elsewhere."""
    return ["nox", "-s", command, "--"] if IS_CHECKOUT else ["harness", command]
