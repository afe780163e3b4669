"""The tests. A package, so that `tests.fakes` can be imported by name."""
