"""The server that agents are graded with: it answers as a scenario says, and records all that happens."""
