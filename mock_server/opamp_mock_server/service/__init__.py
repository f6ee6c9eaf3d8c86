"""What happens to one message between the transport and the store."""
