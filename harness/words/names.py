"""The names that a plan, a lab and what is read of them have in common."""

from __future__ import annotations

import signal

SERVER = "server"  # the part of a lab, and the role of a subject
WORKER, DEPLOYER, UPGRADE = ROLES = ("worker", "deployer", "upgrade")  # those that may be another than the server
ENGINES = ("containers", "processes")
SQLITE, POSTGRES = DATABASES = ("sqlite", "postgres")
# How a lab's processes start: forked from a warm fork server of the subject, or each as a new process.
FORK, EXEC = STARTS = ("fork", "exec")
# Which clock a lab lives on: this host's, or one of its own that can be moved (harness/engines/movable_clock.py).
REAL, WARP = CLOCKS = ("real", "warp")
SURVIVAL = "survival"  # what a scenario is judged by that names no promise

SIDES = ("treated", "twin")
# When something of a trial was read.
BEFORE, AFTER, DRAINED = "before the door", "after the door", "after the drain"
ANSWERED = "as the door was answered"

# State types of Prefect's.
PICKED_UP = {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED"}
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
HOLDS_A_SLOT = {"PENDING", "RUNNING", "CANCELLING"}
# Prefect has SCHEDULED alone. WAITING is of the overlay waiting-state-type; any other server refuses the word.
WAITS = {"SCHEDULED", "WAITING"}  # rule: waits-by-either-type (without last)
CALLED_WAITING = ("Scheduled", "Late", "AwaitingConcurrencySlot", "AwaitingRetry")  # the names of such states

PREFECT_DEPLOY = "prefect-deploy"  # the door that the report of #17764 is about
PNG = "timeline.png"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # what interrupts a run
