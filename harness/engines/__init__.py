"""Where labs run: containers or processes; what they build, start, sweep and salvage."""
