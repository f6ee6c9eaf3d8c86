"""Who may send messages, and how many."""
