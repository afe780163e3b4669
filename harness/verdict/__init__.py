"""From what the checkers found to an outcome and an exit code; the search of a bisect."""
