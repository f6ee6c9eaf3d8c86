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

  @implied @heartbeat.only-instance-uid
  Scenario: A message with only an instance_uid is a heartbeat
    Given an agent that has reported its full status
    When the agent sends only its instance_uid
    Then the server answers without an error
