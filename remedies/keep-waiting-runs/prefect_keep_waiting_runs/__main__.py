"""Say whether Prefect's server is changed in this environment: `python -m prefect_keep_waiting_runs`."""

import importlib
import sys
from importlib.metadata import version

from prefect_keep_waiting_runs.hook import MARK, MODULE


def main():
    """Returns the exit code: 0 where it is changed, 1 where it is not."""
    try:
        changed = getattr(importlib.import_module(MODULE), MARK, False)
    except Exception as error:  # whatever keeps the server from starting is what has to be said
        print(f"not active: {error}", file=sys.stderr)
        return 1
    if not changed:
        print("not active: Prefect was imported before this package's .pth file was read", file=sys.stderr)
        return 1
    print(f"active: a server of Prefect {version('prefect')} that starts here keeps runs that wait")
    return 0


sys.exit(main())
