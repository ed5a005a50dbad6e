"""Widgets that several docks share: layout, choosers, forms, jobs, the project."""
