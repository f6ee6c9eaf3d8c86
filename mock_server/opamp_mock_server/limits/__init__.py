"""Authentication, and the limits on messages."""
