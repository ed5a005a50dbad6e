"""How long tests wait: for a hang only, because a busy machine takes minutes."""

LONG = 600_000  # ms
