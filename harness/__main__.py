"""The entry point. An exit code of 1 is a verdict, so a harness that cannot even be loaded must end with another."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress


def main() -> int:
    """The command `harness`, and its exit code; 125 (what `harness.verdict` calls unjudged) where it does not load."""
    try:
        from harness import cli  # noqa: PLC0415 - what fails in here is answered for here
    except Exception:
        with suppress(OSError):
            traceback.print_exc()
        return 125
    code = cli.main()
    for output in (sys.stdout, sys.stderr):
        try:
            output.flush()
        except OSError:  # Python would end with 120, which `git bisect run` takes for a verdict
            cli.write_nowhere(output)
    return code


if __name__ == "__main__":
    sys.exit(main())
