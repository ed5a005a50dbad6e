"""The Cine dock: what a loop is, and playback at its recorded rate."""
