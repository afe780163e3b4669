"""A lab's server that ended: started again, or another release in its place."""

from __future__ import annotations

from harness.engines.base import Node
from harness.lab.lab import Lab
from harness.words.names import UPGRADE
from harness.words.waiting import NotYet

_IN_USE = "is already in use"  # said of its port, before it ends, by Prefect 3.0.9


def await_server(lab: Lab) -> None:
    """Wait until the server that was started again answers. Raises: LabError, with its log, where it does not.

    The system keeps closed connections of the server before for a minute, on its port. A release that refuses to start
    then is started again.
    """
    lab.api.move_to(lab.site.server_url())

    def healthy() -> None:
        if not lab.server.running() and _IN_USE in (said := lab.server.log()[-300:]):
            lab.server.start()  # rule: restart-once-the-port-is-free
            raise NotYet(said)
        lab.healthy()

    what = "the server's health"
    lab.wait_until(what, healthy, seconds=lab.deadlines.health, source=lab.server.name)


def await_its_clock(lab: Lab) -> None:
    """Wait until the server that was thawed shows another time than at first: uvicorn makes its Date once a second.

    Raises: LabError where it does not.
    """
    first = lab.api.now()  # still the time from before it was frozen (measured on 3.3.4 and 3.9.1)

    def goes_on() -> None:
        if (now := lab.api.now()) == first:
            raise NotYet(f"it shows {now}")

    # rule: thawed-clock-goes-on
    lab.wait_until("the server's clock", goes_on, seconds=lab.deadlines.health, source=lab.server.name)


def upgrade_server(lab: Lab) -> Node:
    """Start the release of the role `upgrade` in place of the server, which has ended, and wait until it answers.

    Returns: its node. Raises: LabError, with its log, where it does not get healthy, or is another release.
    """
    lab.server, _ = lab.site.start_upgrade(lab.server_settings)
    await_server(lab)
    lab.check_version(UPGRADE, lab.api.version())  # rule: error-upgraded-to-another
    return lab.server
