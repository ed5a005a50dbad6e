"""Train a network to propagate a few motion vectors over a picture."""
