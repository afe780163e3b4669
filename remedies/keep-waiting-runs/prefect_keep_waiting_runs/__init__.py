"""Prefect keeps what waits as a deployment is updated or paused, or one of its schedules deleted."""
