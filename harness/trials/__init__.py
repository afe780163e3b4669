"""Scenarios staged, doors opened, runs looked at: what writes a history."""
