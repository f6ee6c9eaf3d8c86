@contract.fleet @transport.http
Feature: The status in the document of an agent
  The status is one word: it shows the health that the agent reported, and whether the agent has disconnected.

  Background:
    Given a fleet whose documents can be read

  @MUST @fleet.document.status.healthy
  Scenario: A healthy agent is online
    Given an enrolled agent
    Then the agent's document gets the status "online"

  @MUST @fleet.document.status.unhealthy
  Scenario: An agent that becomes unhealthy is in error
    Given an enrolled agent
    And the agent's document has the status "online"
    When the agent reports that it is unhealthy
    Then the agent's document gets the status "error"

  @MUST @fleet.document.status.recoverable
  Scenario: An agent with a recoverable error is degraded
    Given an enrolled agent
    And the agent's document has the status "online"
    When the agent reports a recoverable error
    Then the agent's document gets the status "degraded"

  @MUST @fleet.document.status.unhealthy-recoverable
  Scenario: An unhealthy agent is in error, whatever its status says
    Given an enrolled agent
    And the agent's document has the status "online"
    When the agent reports that it is unhealthy, with the status of a recoverable error
    Then the agent's document gets the status "error"

  @MUST @fleet.document.health.changed
  Scenario: The document has the health that the agent reported last
    Given an enrolled agent
    When the agent reports that it is unhealthy
    Then the agent's document has its last health

  @MUST @fleet.document.health.error-message
  Scenario: The message in the document is the agent's last error message
    Given an enrolled agent
    When the agent reports that it is unhealthy, with an error message
    Then the agent's document has its last error message

  @MUST @fleet.document.health.components
  Scenario: The document has the health of the agent's components
    Given an enrolled agent
    When the agent reports the health of components nested 2 levels deep
    Then the agent's document has the health of components nested 2 levels deep

  @MUST @fleet.document.health.unchanged
  Scenario: A check-in without health does not change the health
    Given an enrolled agent
    And the agent has reported that it is unhealthy
    And the agent's document has the status "error"
    When the agent checks in
    Then the agent's document has its last sequence number
    And the agent's document has its last health

  @MUST @fleet.document.status.unchanged
  Scenario: A check-in without health does not change the status
    Given an enrolled agent
    And the agent has reported that it is unhealthy
    And the agent's document has the status "error"
    When the agent checks in
    Then the agent's document still has the status "error" after the last message

  @MUST @fleet.document.status.at-once
  Scenario: A check-in right after a report does not replace the report
    Given an enrolled agent
    And the agent's document has the status "online"
    And the agent has reported that it is unhealthy
    When the agent checks in
    Then the agent's document still has the status "error" after the last message

  @MUST @fleet.document.status.recovered
  Scenario: An agent that recovers is online again
    Given an enrolled agent
    And the agent has reported that it is unhealthy
    And the agent's document has the status "error"
    When the agent reports its full status
    Then the agent's document gets the status "online"

  @MUST @fleet.document.disconnected.left
  Scenario: An agent that disconnects is disconnected
    Given an enrolled agent
    And the agent's document has the status "online"
    When the agent disconnects
    Then the agent's document gets the status "disconnected"

  @MUST @fleet.document.disconnected.returned
  Scenario: An agent that comes back is online again
    Given an enrolled agent
    And the agent has disconnected
    And the agent's document has the status "disconnected"
    When the agent reports its full status
    Then the agent's document gets the status "online"

  @MUST @fleet.document.disconnected.check-in
  Scenario: An agent that comes back with a check-in is accepted, and online again
    Given an enrolled agent
    And the agent has disconnected
    And the agent's document has the status "disconnected"
    When the agent checks in
    Then the message is accepted
    And no new_instance_uid is announced
    And the agent's document gets the status "online"
