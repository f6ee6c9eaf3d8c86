"""What is known of a server beforehand: parts that it does not support, and known failures with their reasons."""
