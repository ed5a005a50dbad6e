"""The Measure dock: diameters and stenoses of a vessel between points."""
