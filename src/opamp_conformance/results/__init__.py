"""The results of a run: verdicts, the stream of events, and exchanges in a form for people."""
