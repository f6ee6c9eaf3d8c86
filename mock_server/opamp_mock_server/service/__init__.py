"""The processing of one message between the transport and the store."""
