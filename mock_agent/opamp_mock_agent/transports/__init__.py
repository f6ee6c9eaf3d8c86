"""The two transports: each gives a connection that sends and receives messages."""
