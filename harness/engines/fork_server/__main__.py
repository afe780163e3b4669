"""`python fork_server FOLDER [-- ARGUMENTS]` starts the server (see `__init__.py`)."""

import importlib
import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # it was this folder
    server = importlib.import_module("fork_server.server")
    del sys.path[0]  # a new process has another first entry; each forked process is given it
    sys.exit(server.main(sys.argv[1:]))
