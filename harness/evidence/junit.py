"""A run for the test views of CI systems: one test case a trial, one suite a subject."""

from __future__ import annotations

import io
from collections.abc import Sequence

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from harness.evidence._writer import Run, RunWriter
from harness.evidence.xml_text import as_xml_text
from harness.verdict.outcomes import NOT_APPLICABLE, objection, unjudged
from harness.words.records import TrialResult
from harness.words.redaction import redact

_PROPERTIES = ("door", "version", "engine", "database", "outcome", "expected", "at_risk", "kept", "lost", "folder")


def junit(trials: Sequence[TrialResult]) -> str:
    """The run as JUnit XML: a contradiction is a failure, no verdict an error, what does not apply is skipped."""
    whole = JUnitXml("prefect-run-survival")
    for subject in dict.fromkeys(trial.subject for trial in trials):
        suite = TestSuite(as_xml_text(subject))
        suite.add_testcases([_case(trial) for trial in trials if trial.subject == subject])
        whole.add_testsuite(suite)
    whole.update_statistics()  # type: ignore[no-untyped-call]
    file = io.BytesIO()
    whole.write(file, pretty=True)
    return file.getvalue().decode("utf-8")


def _case(trial: TrialResult) -> TestCase:
    subject = as_xml_text(trial.subject)
    again = f" #{trial.repetition}" if trial.repetition > 1 else ""
    case = TestCase(f"{trial.door} [{subject}]{again}", classname=trial.scenario, time=trial.seconds or 0.0)
    reason = as_xml_text(trial.reason)
    if against := objection(trial):  # rule: junit-failure
        case.result = [Failure(as_xml_text(against), trial.outcome)]
    elif unjudged(trial):
        case.result = [Error(reason or "it never ran", trial.outcome or "not run")]
    elif trial.outcome == NOT_APPLICABLE:
        case.result = [Skipped(reason)]
    properties = Properties()  # type: ignore[no-untyped-call]
    for name in _PROPERTIES:
        properties.add_property(Property(name, as_xml_text(getattr(trial, name))))
    case.append(properties)  # type: ignore[no-untyped-call]
    case.system_out = f"{trial.outcome}: {reason}"
    return case


def _of(run: Run) -> str:
    return redact(junit(run.results.trials))


writer = RunWriter("junit.xml", _of)
