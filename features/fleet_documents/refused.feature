@contract.fleet @transport.http
Feature: The documents of refused agents
  A refused message creates no document, and changes none.

  Background:
    Given a fleet whose documents can be read

  @MUST @fleet.document.none-when-refused.plain
  Scenario: An unknown agent whose disconnect is refused has no document
    Given an unknown agent
    And the agent's agent_disconnect was refused
    Then the agent has no document

  @MUST @fleet.document.none-when-refused.with-flag
  Scenario: An unknown agent whose disconnect with the flag is refused has no document
    Given an unknown agent
    And the agent's agent_disconnect with the RequestInstanceUid flag was refused
    Then the agent has no document

  @MUST @fleet.document.none-when-refused.new-uid
  Scenario: A refused disconnect with the flag creates no document under another instance_uid
    Given an unknown agent
    And the agent's agent_disconnect with the RequestInstanceUid flag and a full report was refused
    Then no document has the name of the agent

  @MUST @fleet.document.none-when-refused.temporary-uid
  Scenario: An unknown agent has no document with its temporary instance_uid
    Given an unknown agent
    And the agent has received a new_instance_uid
    Then the agent has no document

  @MUST @fleet.document.none-when-refused.configuration
  Scenario: An agent whose configuration is not YAML has no document that it does not know of
    Given an unknown agent
    When the agent reports a configuration that is not YAML with the RequestInstanceUid flag
    Then the agent has only a document with an announced new_instance_uid

  @MUST @fleet.document.none-when-refused.key
  Scenario: An agent that is refused because of its key has no document
    Given an unknown agent
    And an API key that is no enrollment key
    When the agent reports its full status with that key
    Then the agent has no document

  @MUST @fleet.document.unchanged-when-refused
  Scenario: The document of an enrolled agent whose disconnect is refused does not change
    Given an enrolled agent
    And the agent's document has the status "online"
    When the agent disconnects with the RequestInstanceUid flag
    Then the agent's document has not changed
