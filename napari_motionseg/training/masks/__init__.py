"""Train a network to segment synthetic angiograms, whose masks are exact."""
