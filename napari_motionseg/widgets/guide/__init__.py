"""The Guide dock: clicks that become masks, and arrows that move a frame."""
