"""What a run says: verdicts, the stream of events, and exchanges as people read them."""
