"""An interval without an anchor starts at one fixed moment, whenever it is deployed."""

from ._edits import instead, without

RELEASES = "==3.9.1"
EDITS = ("prefect.client.schemas.schedules", "prefect.schedules", "prefect.server.schemas.schedules")
FIXES = {"an-interval-starts-anew-at-each-deploy": "--scenario ticking-interval --door deploy-often"}
MOMENT = "datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)"


def edit(name, source):
    if name == "prefect.schedules":
        now = "datetime.datetime.now(tz=datetime.timezone.utc)"
        source = instead(source, "Interval", f"anchor_date = {now}", f"anchor_date = {MOMENT}")
        now = "default_factory=partial(datetime.datetime.now, tz=datetime.timezone.utc)"
        source = instead(source, "Schedule", now, f"default={MOMENT}")
        return without(source, "", "from functools import partial")
    moment = 'DateTime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))'
    source = instead(source, "IntervalSchedule", 'default_factory=lambda: now("UTC"),', f"default={moment},")
    if name == "prefect.client.schemas.schedules":
        source = instead(source, "construct_schedule", "anchor_date = now()", f"anchor_date = {moment}")
    return source
