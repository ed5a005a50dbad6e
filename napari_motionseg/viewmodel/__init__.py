"""State that docks show: plain evented objects that know no Qt."""
