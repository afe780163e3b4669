"""What is under test: a Prefect release, resolved as of its own day and built for an engine."""
