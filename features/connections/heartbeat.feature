Feature: Signs of life
  Any message of an agent shows that it is alive.

  @implied @heartbeat.any-message-counts
  Scenario: A message with nothing new in it is a sign of life
    Given a server that can be operated
    And an agent that has reported its full status
    And the agent has said goodbye
    And the agent has closed its connection
    When the agent checks in
    Then the server takes the agent for connected
