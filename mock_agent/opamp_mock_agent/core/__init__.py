"""What the agent knows and decides, without I/O. A module is a chapter of the specification."""
