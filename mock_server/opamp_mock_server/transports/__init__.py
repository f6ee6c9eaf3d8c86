"""How messages travel (Communication Model): plain HTTP, WebSocket, and the connections below both."""
