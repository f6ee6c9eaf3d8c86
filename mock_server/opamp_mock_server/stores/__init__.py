"""Where the server keeps what it knows of agents."""
