"""Train PWC-Net on synthetic angiograms, or adapt it to a user's own loops."""
