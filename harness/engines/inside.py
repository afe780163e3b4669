"""What runs inside a subject, by its own Python: three programs, some questions, and what they need."""

from __future__ import annotations

from pathlib import Path

from harness.words.names import SQLITE

FORK_SERVER = Path(__file__).with_name("fork_server")  # a folder that `python` runs
FORK_SERVER_SECONDS = 300  # until it is ready: it imports Prefect, in 3 to 6 s, or longer without byte code
MAKE_DATABASE = Path(__file__).with_name("make_database.py")

ASK_VERSION = "import prefect; print(prefect.__version__)"
ASK_CLOCK = "import time; time.sleep(0.01); print(repr(time.time()))"
ASK_DATABASE_CLOCK = "select extract(epoch from clock_timestamp())"
MIGRATE = ("server", "database", "upgrade", "-y")  # the words of `prefect` that make the tables of a new database
DATABASE_SETTING = "PREFECT_API_DATABASE_CONNECTION_URL"

# A server is started as `python -c START_SERVER .../bin/prefect server start ...`, for three reasons:
# - It collects no garbage. On SQLite a server that does can stand still for the busy timeout of 60 s
#   (docs/explanation/decisions/no-garbage-collection.md). A lab's server lives for minutes and needs no collector.
# - Its access log is printed, since that log proves doors that leave no nonce. Up to 3.0 the server is a process of
#   uvicorn. Prefect's settings silence its log, unless uvicorn's own configuration (UVICORN_LOG_CONFIG) passes it on.
# - A UI, if one is asked for, is unpacked beside the server, and not into the package, which other labs share.
START_SERVER = """
import gc, os, pathlib, runpy, sys
gc.disable()
config = pathlib.Path(os.environ["UVICORN_LOG_CONFIG"])
config.write_text('{"version": 1, "disable_existing_loggers": false, "loggers": {"uvicorn": {"propagate": true}}}')
sys.argv[:] = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def server_environment(home: str, database: str, *, migrates: bool = False) -> dict[str, str]:
    """The variables that a server needs beside its settings; `home` is its home folder, `database` one of DATABASES.

    migrates  whether it has to migrate the database as it starts, which another release has made
    """
    environment = {"UVICORN_LOG_CONFIG": f"{home}/uvicorn.json", "PREFECT_UI_STATIC_DIRECTORY": f"{home}/ui"}
    if database == SQLITE and not migrates:
        # The database was made when the subject was built (make_database.py).
        environment["PREFECT_API_DATABASE_MIGRATE_ON_START"] = "false"
        environment["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"
    return environment
