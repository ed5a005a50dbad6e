"""Train PWC-Net on synthetic angiograms, or adapt it to loops of one's own."""
