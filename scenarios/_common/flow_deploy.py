"""Runs inside the subject, beside flow.py: `flow.deploy()` of every deployment in prefect.yaml, as its values say."""

from pathlib import Path

import yaml
from prefect import flow
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import RRuleSchedule

HERE = Path.cwd()


def schedule(wanted: dict) -> DeploymentScheduleCreate:
    rule = RRuleSchedule(rrule=wanted["rrule"], timezone=wanted["timezone"])
    return DeploymentScheduleCreate(schedule=rule, active=True)


for deployment in yaml.safe_load((HERE / "prefect.yaml").read_text())["deployments"]:
    flow.from_source(source=str(HERE), entrypoint=deployment["entrypoint"]).deploy(
        name=deployment["name"],
        description=deployment["description"],
        parameters=deployment["parameters"],
        concurrency_limit=deployment.get("concurrency_limit"),
        work_pool_name=deployment["work_pool"]["name"],
        schedules=[schedule(wanted) for wanted in deployment.get("schedules", ())],
        build=False,
        push=False,
        print_next_steps=False,
        ignore_warnings=True,
    )
