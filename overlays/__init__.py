"""Loaded into the Prefect under test, under another name; see README.md."""
