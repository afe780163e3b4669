"""What outcomes, promises and exit codes mean, in words: tables of README.md and docs/verdicts.md are made of these."""

from __future__ import annotations

from collections.abc import Mapping

# In order of precedence: the first that holds is the outcome.
OUTCOMES: Mapping[str, str] = {
    "not-applicable": "the release has no such state or door. This is decided before the start, from the version alone",
    "error": "the lab broke, a version is not the one that was asked for, the door did not exit with 0 or is not "
    "proven, or the history contradicts itself",
    "inconclusive": "too few runs were at risk, the steady state never came, two sources contradict each other, the "
    "server's clock stepped, the twin is no control, or another trial's door took a run of this trial",
    "lost": "at least one run at risk is gone, or the door deleted a run of another deployment; the twin lost none",
    "altered": "no run is gone; at least one run at risk was altered, while every run of the twin completed, or the "
    "door altered a run of another deployment",
    "stranded": "no run is gone or altered, and at least one kept run never ran; every run of the twin completed",
    "survived": "at least the minimum number of runs was at risk; each is there at every look, and completed",
}
PROMISES: Mapping[str, str] = {
    "held": "the trial had something to look at, and nothing broke the promise",
    "broken": "the treated deployment or a run of it broke the promise, and the twin kept it",
    "inconclusive": "the twin broke it, too; or the history was cut short, holds a line that cannot be read, or does "
    "not say what it takes; or the trial came to `error`",
}
EXIT_CODES: Mapping[str, str] = {
    "0": "every outcome is the expected one (`gate`, `check`: every trial that is expected to survive did, and "
    "no promise is broken)",
    "1": "at least one outcome, of a trial or of a promise, contradicts what is expected, also if a known bug turns "
    "out to be fixed",
    "2": "wrong usage; nothing was started",
    "125": "nothing contradicts, but a trial could not be judged, or no trial had an expectation, but for the "
    "promises that a gate expects of all (`git bisect run` skips such a commit)",
    "129, 130, 143": "interrupted: the terminal was closed, Ctrl-C, terminated. The results so far are kept, and "
    "nothing is left running",
}
