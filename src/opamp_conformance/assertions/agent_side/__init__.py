"""Assertions about what agents send. Each raises ViolationError with what was expected, and what came."""
