"""Work through an archive of loops: one task a loop, any number of runs and hosts."""
