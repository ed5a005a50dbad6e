"""The Cine dock: properties of a loop, and playback at its recorded rate."""
