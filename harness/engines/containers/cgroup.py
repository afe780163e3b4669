"""A container's processor time, by the file of its control group in which the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def cgroup_of(pid: int, container: str, root: Path = Path("/")) -> Path | None:
    """The file that counts a container's processor time, found by one of its processes; None on another host.

    Linux has control groups in two versions: in version 2 one hierarchy counts all, in version 1 `cpuacct` counts.
    """
    for line in (root / f"proc/{pid}/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, place = line.split(":", 2)
        if container in place and (not controllers or "cpuacct" in controllers.split(",")):
            name = f"{controllers}{place}/cpuacct.usage" if controllers else f"{place[1:]}/cpu.stat"
            if (file := root / "sys/fs/cgroup" / name).exists():
                return file
    return None


def usage_of(file: Path) -> float:
    """The seconds that such a file counts: version 1 counts nanoseconds, version 2 has `usage_usec`."""
    text = file.read_text(encoding="ascii")
    if file.name == "cpu.stat":
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6
    return int(text) / 1e9
