"""Pure functions from a history to findings. They know nothing of containers, and cannot see the version."""
