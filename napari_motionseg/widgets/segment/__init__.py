"""The Segment dock: paint, preview, train, apply."""
