"""Pure functions from a history to what it shows."""
