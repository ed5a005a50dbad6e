"""What `kill_anywhere.py` kills: one file a kind of work."""
