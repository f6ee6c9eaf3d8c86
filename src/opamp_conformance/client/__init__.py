"""The agents of the suite: their messages, and the client that sends them."""
