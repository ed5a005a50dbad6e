"""The Project dock: save, recover, export, measure agreement."""
