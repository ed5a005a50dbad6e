"""Mutation check: small faults, and whether the tests see them; see `mutate.py`."""
