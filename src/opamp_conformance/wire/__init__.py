"""How messages travel: over plain HTTP or WebSocket, and the exchange of a request and its response."""
