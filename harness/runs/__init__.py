"""A run: its plan, its builds, its labs under pytest, its end."""
