"""The checks of every message in every scenario: of the messages of the target, and of those of the suite."""
