"""Finds out, on real Prefect, which flow runs survive a deployment update."""
