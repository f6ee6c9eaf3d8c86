"""What a Then asserts, in one module per chapter. Each function returns, or raises a ViolationError."""
