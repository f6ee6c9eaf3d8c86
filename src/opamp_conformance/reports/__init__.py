"""Outputs made from the stream of events: terminal, JUnit, JSON Lines, pages."""
