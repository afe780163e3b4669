"""The entry point. An exit code of 1 is a verdict, so a harness that cannot even be loaded must end with another."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress


def _mend_streams() -> None:
    """Have standard streams that take anything: one that is closed leads nowhere, and a letter it lacks is escaped.

    Python leaves a closed one None, and gives its number to the next file that is opened.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as it runs
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def main() -> int:
    """The command `harness`, and its exit code; 125 (unjudged) where it does not load."""
    _mend_streams()
    try:
        from harness import cli  # noqa: PLC0415 - what fails in here is answered for here
    except Exception:
        with suppress(OSError):
            traceback.print_exc()
        return 125  # rule: exit-125-does-not-load (gives 1)
    code = cli.main()
    for output in (sys.stdout, sys.stderr):
        try:
            output.flush()
        except OSError:  # Python would end with 120, which `git bisect run` takes for a verdict
            cli.write_nowhere(output)
    return code


if __name__ == "__main__":
    sys.exit(main())
