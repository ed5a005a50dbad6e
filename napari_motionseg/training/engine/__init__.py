"""Run the training loop that all trainings share: steps, devices, exact resume."""
