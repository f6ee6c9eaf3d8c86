"""The transports of messages, plain HTTP and WebSocket, and the exchange of a request and its response."""
