"""The tester's agents: what they send, and the client that sends it."""
