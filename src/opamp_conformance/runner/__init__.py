"""A run, from its options to its exit code: the suite under pytest, in one process or several."""
