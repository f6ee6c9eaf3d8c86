@transport.websocket
Feature: The end of a WebSocket
  Either side may end it, and says so by a Close frame. Whoever has left is not connected any more.

  @implied @ws.roles
  Scenario: An agent's Close frame is answered by another
    Given an agent that has reported its full status
    When the agent closes its WebSocket
    Then the server answers with a Close frame

  @MUST @disconnect.ws-server-close-frame
  Scenario: A server that ends a WebSocket says so by a Close frame
    Given a server that can be operated
    And an agent that has reported its full status
    When the operator has the agent's WebSocket closed
    Then the WebSocket was closed by a Close frame

  @SHOULD @disconnect.server-forgets-instance
  Scenario: An agent that has disconnected is forgotten as connected
    Given a server that can be operated
    And an agent that has reported its full status
    And the agent has said goodbye
    Then the server takes the agent for disconnected

  @SHOULD @disconnect.server-forgets-on-close
  Scenario: An agent whose WebSocket has ended is forgotten as connected
    Given a server that can be operated
    And an agent that has reported its full status
    When the agent closes its WebSocket
    Then the server takes the agent for disconnected
