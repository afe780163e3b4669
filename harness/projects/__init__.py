"""A person's own project, read without running any of it: its prefect.yaml, and the signatures of its flows."""
