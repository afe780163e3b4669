"""Runs inside the subject, beside flow.py: `flow.serve()` of the one deployment in prefect.yaml, as its values say."""

import importlib
import os
import signal
from pathlib import Path

import yaml


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands start with it ignored
    os.chdir(Path(__file__).resolve().parent)  # where an entrypoint is relative to
    deployment = yaml.safe_load(Path("prefect.yaml").read_text())["deployments"][0]
    file, _, function = deployment["entrypoint"].partition(":")
    getattr(importlib.import_module(Path(file).stem), function).serve(
        name=deployment["name"],
        description=deployment["description"],
        parameters=deployment["parameters"],
        rrule=deployment["schedules"][0]["rrule"],
        limit=deployment["limit"],
        print_starting_message=False,
    )


if __name__ == "__main__":  # newer releases start flow runs by multiprocessing's spawn, which imports this file again
    main()
