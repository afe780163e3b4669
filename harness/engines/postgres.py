"""A PostgreSQL server as a process of a lab's own: its programs, and what they are started with.

Nothing of it is kept: durability is off, the data lies in the lab's folder, and it listens on loopback alone, with a
password, since whoever may speak to a PostgreSQL server may run programs as its user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.words.errors import LabError

USER = "postgres"
PORT = 5432  # in a container, where it is alone
# What a lab does in minutes is not worth a disk's wait; the statements and their isolation stay as they are.
# Its shared memory lies in its folder too, so that a server that was killed leaves none behind.
OPTIONS = (
    "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
    "-c", "dynamic_shared_memory_type=mmap",
)  # fmt: skip
_DEBIANS = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Cluster:
    """A data directory that initdb made.

    account  the account (uid, gid) that the server must run as, where the harness is root; PostgreSQL refuses root
    """

    programs: Path
    folder: Path
    password: str
    account: tuple[int, int] | None

    def command(self, port: int) -> list[str]:
        """What starts its server."""
        there = ["-D", str(self.folder), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        return [str(self.programs / "postgres"), *there, *OPTIONS]

    def url(self, port: int) -> str:
        """Where Prefect finds it."""
        return connection_url("127.0.0.1", port, self.password)

    def environment(self) -> dict[str, str]:
        """What PostgreSQL's own clients need to be let in."""
        return {"PGPASSWORD": self.password, "PGUSER": USER, "PGHOST": "127.0.0.1"}


def connection_url(host: str, port: int = PORT, password: str = "") -> str:
    """Prefect's setting for a database there."""
    return f"postgresql+asyncpg://{USER}{':' + password if password else ''}@{host}:{port}/postgres"


def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises LabError where there is none."""
    found = shutil.which("postgres")
    newest = sorted(_DEBIANS.glob("*/bin/postgres"), key=lambda path: int(path.parent.parent.name))
    if not found and not newest:
        raise LabError("no PostgreSQL on this machine; install it (on Debian: apt-get install postgresql)")
    return Path(found).resolve().parent if found else newest[-1].parent


def make_cluster(folder: Path, environment: Mapping[str, str]) -> Cluster:
    """A new data directory below `folder`. Raises LabError with initdb's own words."""
    cluster = Cluster(programs(), folder / "data", secrets.token_hex(16), _account())
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(cluster.password, encoding="ascii")
    if cluster.account:
        for path in (folder, password_file):
            os.chown(path, *cluster.account)
    command = [
        str(cluster.programs / "initdb"), "-D", str(cluster.folder), "-U", USER, "--encoding", "UTF8",
        "--locale", "C", "--auth", "scram-sha-256", "--pwfile", str(password_file), "--no-sync",
    ]  # fmt: skip
    done = subprocess.run(
        command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        **as_account(cluster.account),
    )  # fmt: skip
    password_file.unlink()
    if done.returncode:
        raise LabError("initdb made no database", source="database", log=(done.stdout + done.stderr)[-4000:])
    return cluster


def as_account(account: tuple[int, int] | None) -> dict[str, Any]:
    """The options of subprocess that run something as another account."""
    return {"user": account[0], "group": account[1], "extra_groups": []} if account else {}


def _account() -> tuple[int, int] | None:
    if os.geteuid():
        return None
    for name in (USER, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise LabError("PostgreSQL refuses to run as root, and there is no account 'postgres' or 'nobody' here")
