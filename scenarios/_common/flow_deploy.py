"""Runs inside the subject, beside flow.py: `flow.deploy()` of every deployment in prefect.yaml, as its values say."""

from datetime import timedelta
from pathlib import Path

import yaml
from prefect import flow
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

HERE = Path.cwd()


def only(wanted: dict, *names: str) -> dict:
    return {name: wanted[name] for name in names if name in wanted}


def schedule(wanted: dict) -> DeploymentScheduleCreate:
    if "cron" in wanted:
        rule = CronSchedule(**only(wanted, "cron", "timezone", "day_or"))
    elif "interval" in wanted:
        every = timedelta(seconds=wanted["interval"])
        rule = IntervalSchedule(interval=every, **only(wanted, "anchor_date", "timezone"))
    else:
        rule = RRuleSchedule(**only(wanted, "rrule", "timezone"))
    more = only(wanted, "parameters", "slug")
    return DeploymentScheduleCreate(schedule=rule, active=wanted.get("active", True), **more)


def limit(wanted):
    if not isinstance(wanted, dict):
        return wanted
    # Old releases have no such class.
    from prefect.client.schemas.objects import ConcurrencyLimitConfig  # noqa: PLC0415

    return ConcurrencyLimitConfig(**wanted)


for deployment in yaml.safe_load((HERE / "prefect.yaml").read_text())["deployments"]:
    flow.from_source(source=str(HERE), entrypoint=deployment["entrypoint"]).deploy(
        name=deployment["name"],
        description=deployment["description"],
        parameters=deployment["parameters"],
        concurrency_limit=limit(deployment.get("concurrency_limit")),
        work_pool_name=deployment["work_pool"]["name"],
        job_variables=deployment["work_pool"].get("job_variables"),
        schedules=[schedule(wanted) for wanted in deployment.get("schedules") or ()],
        build=False,
        push=False,
        print_next_steps=False,
        ignore_warnings=True,
    )
