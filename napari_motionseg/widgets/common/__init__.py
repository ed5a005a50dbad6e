"""What several docks share: layout, choosers, running jobs, the project keeper."""
