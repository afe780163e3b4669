"""Which Prefect is under test: a release, a wheel, a source tree, an image, overlays on it."""
