"""What is pure in the harness, tested without any Prefect, fake or real."""
