"""What every message must satisfy, whatever the scenario. Both directions: the target's messages, and our own."""
