"""The transports: plain HTTP, WebSocket, and the connections below both (Communication Model)."""
