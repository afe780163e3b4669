"""How long judging takes as histories grow, to 10,000 runs a side: `python benchmarks/judging.py`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.verdict.outcomes import judge  # noqa: E402
from tests.unit.plain import read  # noqa: E402
from tests.unit.stories import whole_history  # noqa: E402


def main() -> None:
    """Print the CPU seconds that a verdict takes, of histories where all completed and where half were lost."""
    for number in (1_250, 2_500, 5_000, 10_000):
        for name, words in (("kept", ["completed"]), ("lost", ["lost", "recreated"])):
            lines = whole_history(words * (number // len(words)), ["completed"] * number)
            # A minute between two lines, as the tests have it, is too long for a day.
            events = read([{**line, "at": "2030-01-01T00:00:00Z"} for line in lines])
            started = time.process_time()
            outcome = judge(events).outcome
            print(f"{number:6} runs a side, {name}: {time.process_time() - started:5.2f} CPU s, {outcome}")


if __name__ == "__main__":
    main()
