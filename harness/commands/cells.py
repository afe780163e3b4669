"""Print the matrix of a GitHub workflow that runs a gate: a machine for each subject and scenario."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from rich.console import Console

from harness.commands._trials import NEWEST
from harness.runs.ask import ScenarioNames, SubjectNames, usual_scenarios
from harness.subjects.kinds import check_name
from harness.trials.scenario import select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.options import Usual

DESCRIPTION = "Prints one line of JSON for `strategy: matrix` of GitHub Actions."


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    subjects: SubjectNames = NEWEST
    scenarios: Annotated[ScenarioNames, Usual(usual_scenarios)] = ()


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    subjects = list(dict.fromkeys(ask.subjects))
    for subject in subjects:
        check_name(subject)
    scenarios = select_scenarios(ask.scenarios)
    include = [{"subject": subject, "scenario": one.name} for subject in subjects for one in scenarios]
    console.print(json.dumps({"include": include}), soft_wrap=True)
    return EXIT_AS_EXPECTED
