Feature: Heartbeats
  Any message of an agent shows that it is alive.

  @implied @heartbeat.any-message-counts
  Scenario: A message without changes shows that the agent is alive
    Given a server with a control plane
    And an agent that has reported its full status
    And the agent has sent agent_disconnect
    And the agent has closed its connection
    When the agent checks in
    Then the server regards the agent as connected
