"""What every message must satisfy in every scenario: the messages of the target, and those of the suite."""
