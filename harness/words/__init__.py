"""Records, names, errors, files and waiting: what every room may use, and imports nothing of ours."""
