"""A fake Prefect that speaks real HTTP, a fake engine to go with it, and the faults planted in them."""
