"""Known properties of a server: parts that it does not support, and known failures with their reasons."""
