"""The movable clock of a lab: a library that is loaded before all else into everything that lives there, and a file.

The file says how many seconds the lab's clock is ahead of this host's, in eight bytes. The library (movable_clock.c)
has it mapped, so that writing it moves everybody's clock at once. The monotonic clock stays as it is: what sleeps,
sleeps on (docs/explanation/decisions/a-movable-clock.md).
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from harness.words import cache
from harness.words.errors import UsageError
from harness.words.scratch import scratch_folder, scratch_root

_SOURCE = Path(__file__).with_suffix(".c")
# It needs no library by name, and takes what it calls from the C library of whoever loads it: glibc or musl.
_OPTIONS = ("-O2", "-shared", "-fPIC", "-nostdlib", "-fno-stack-protector")
LIBRARY, FILE = "movable_clock.so", "ahead"  # the names of both in a folder of a clock
VARIABLE = "PREFECT_RUN_SURVIVAL_CLOCK"  # names the file, for the library
_AHEAD = struct.Struct("=q")


def preload() -> Path:
    """The library, built by this host's C compiler the first time, and then in the cache.

    Raises: UsageError where this host cannot have it.
    """
    if sys.platform != "linux":
        raise UsageError("A movable clock (--clock warp) needs Linux.\nLeave it out on this machine.")
    if set(" :") & set(str(scratch_root())):
        raise UsageError(
            f"A movable clock (--clock warp) cannot live in {str(scratch_root())!r}: the loader takes a space or a "
            "colon for the end of a name.\nSet TMPDIR to another folder."
        )

    def build(path: Path) -> None:
        command = ["cc", *_OPTIONS, "-o", str(path / LIBRARY), str(_SOURCE)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)

    key = f"{platform.machine()}-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]}"
    try:
        return cache.built("clocks", key, build) / LIBRARY
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise UsageError(
            f"The movable clock (--clock warp) cannot be built: {' '.join(said.split())[-200:]}\n"
            "It needs a C compiler (on Debian: apt-get install gcc libc6-dev).\n"
            "Install one, or leave out --clock warp and the scenarios that need it."
        ) from error


def preload_of_run(run: str) -> Path:
    """A copy of the library that every account may read, for all labs of a run.

    A person's cache folder may be closed to the account that PostgreSQL runs as, and the loader passes over a library
    that it cannot read.
    """
    path = scratch_folder(run) / "clock" / LIBRARY
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f"{LIBRARY}.{secrets.token_hex(4)}")
        shutil.copy(preload(), beside)
        beside.chmod(0o755)
        beside.rename(path)
    return path


def environment(library: str, file: str = "") -> dict[str, str]:
    """The variables of a process on a movable clock. Without a file it shows this host's time."""
    return {"LD_PRELOAD": library, **({VARIABLE: file} if file else {})}


def make_folder(folder: Path) -> Path:
    """Make the folder of a clock, with the library in it; the clock shows this host's time. Returns its file."""
    folder.mkdir(parents=True)
    shutil.copy(preload(), folder)
    (folder / LIBRARY).chmod(0o755)
    set_ahead(folder / FILE, 0)
    return folder / FILE


def set_ahead(file: Path, seconds: int) -> None:
    """Write into the file of a clock how far ahead of this host's it is: in place, since it is mapped, by one call."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, _AHEAD.pack(seconds), 0)
    finally:
        os.close(descriptor)


def by_hand(file: Path, hours: int) -> list[str]:
    """The words by which a person moves a clock that many hours ahead of this host's."""
    program = f"import struct; open({str(file)!r}, 'r+b').write(struct.pack('=q', {hours} * 3600))"
    return ["python3", "-c", program]
