@transport.websocket
Feature: The end of a WebSocket
  Either side can end a WebSocket, and does so with a Close frame. An agent that has disconnected is no longer
  connected.

  @implied @ws.roles.close
  Scenario: The server answers an agent's Close frame with a Close frame
    Given an agent that has reported its full status
    When the agent closes its WebSocket
    Then the server answers with a Close frame and ends the connection

  @MUST @disconnect.ws-server-close-frame
  Scenario: A server that ends a WebSocket sends a Close frame
    Given a server with a control plane
    And an agent that has reported its full status
    When the operator closes the agent's WebSocket
    Then the WebSocket was closed by a Close frame

  @SHOULD @disconnect.server-forgets-instance.returned
  Scenario: An agent that comes back after agent_disconnect is not a duplicate
    Given an agent that has reported its full status
    And the agent has sent agent_disconnect
    And the agent has closed its connection
    When the agent reports its full status
    Then no new_instance_uid is announced

  @SHOULD @disconnect.server-forgets-instance.connected
  Scenario: An agent that has sent agent_disconnect is no longer connected
    Given a server with a control plane
    And an agent that has reported its full status
    And the agent has sent agent_disconnect
    Then the server regards the agent as disconnected

  @SHOULD @disconnect.server-forgets-on-close.one
  Scenario: An agent whose WebSocket has ended is no longer connected
    Given a server with a control plane
    And an agent that has reported its full status
    When the agent closes its WebSocket
    Then the server regards the agent as disconnected

  @SHOULD @disconnect.server-forgets-on-close.shared
  Scenario: All agents that shared a WebSocket are no longer connected after its end
    Given a server with a control plane
    And an agent that has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    When the agent closes its WebSocket
    Then the server regards both agents as disconnected

  @SHOULD @disconnect.server-forgets-on-close.returned
  Scenario: An agent whose shared WebSocket has ended comes back, and is not a duplicate
    Given an agent that has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    And the agent has closed its connection
    When the other agent reports its full status on a WebSocket of its own
    Then no new_instance_uid is announced

  @SHOULD @disconnect.server-forgets-on-close.broken
  Scenario: An agent whose connection broke comes back, and is not a duplicate
    Given an agent that has reported its full status
    And the agent's connection has broken
    When the agent reports its full status
    Then no new_instance_uid is announced

  @SHOULD @disconnect.server-forgets-instance.shared
  Scenario: An agent that left a shared WebSocket comes back on another one, and is not a duplicate
    Given an agent that has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    And the other agent has sent agent_disconnect on the agent's WebSocket
    When the other agent reports its full status on a WebSocket of its own
    Then no new_instance_uid is announced
