"""A gate of one question, as `git bisect run` asks it: does this source tree survive this scenario?"""

from __future__ import annotations

from harness.commands.gate import EPILOG, SUBJECTS, add, run

DESCRIPTION = "A gate of one question: `git bisect run harness check --scenario worker-outage --subject path:.`"

__all__ = ["DESCRIPTION", "EPILOG", "SUBJECTS", "add", "run"]
