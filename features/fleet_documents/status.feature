@contract.fleet @transport.http
Feature: The status in the document of an agent
  One word says how an agent fares: its health as it reported it, and whether it has taken its leave.

  Background:
    Given a fleet whose documents can be looked at

  @MUST @fleet.document.status
  Scenario: A healthy agent is online
    Given an enrolled agent
    Then the agent's document comes to tell that it is "online"

  @MUST @fleet.document.status
  Scenario: An agent that falls ill is in error
    Given an enrolled agent
    And the agent's document tells that it is "online"
    When the agent reports that it is unhealthy
    Then the agent's document comes to tell that it is "error"

  @MUST @fleet.document.status
  Scenario: An agent that may recover is degraded
    Given an enrolled agent
    And the agent's document tells that it is "online"
    When the agent reports an error it may recover from
    Then the agent's document comes to tell that it is "degraded"

  @MUST @fleet.document.status
  Scenario: An agent that recovers is online again
    Given an enrolled agent
    And the agent has reported that it is unhealthy
    And the agent's document tells that it is "error"
    When the agent reports its full status
    Then the agent's document comes to tell that it is "online"

  @MUST @fleet.document.disconnected
  Scenario: An agent that takes its leave is disconnected
    Given an enrolled agent
    And the agent's document tells that it is "online"
    When the agent disconnects
    Then the agent's document comes to tell that it is "disconnected"

  @MUST @fleet.document.disconnected
  Scenario: An agent that comes back is online again
    Given an enrolled agent
    And the agent has disconnected
    And the agent's document tells that it is "disconnected"
    When the agent reports its full status
    Then the agent's document comes to tell that it is "online"
