"""Where a lab runs: Docker containers, or processes on this host."""
