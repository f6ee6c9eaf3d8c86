@contract.fleet @transport.http
Feature: The documents of agents that were refused
  A message that is refused leaves no trace: no document, and no change to one.

  Background:
    Given a fleet whose documents can be looked at

  @MUST @fleet.document.none-when-refused
  Scenario: An unknown agent whose disconnect is refused has no document
    Given an unknown agent
    And the agent's agent_disconnect was refused
    Then the agent has no document

  @MUST @fleet.document.none-when-refused
  Scenario: An unknown agent whose disconnect with the flag is refused has no document
    Given an unknown agent
    And the agent's agent_disconnect with the RequestInstanceUid flag was refused
    Then the agent has no document

  @MUST @fleet.document.none-when-refused
  Scenario: An unknown agent has no document under its temporary instance_uid
    Given an unknown agent
    And the agent has been given a new_instance_uid
    Then the agent has no document

  @MUST @fleet.document.unchanged-when-refused
  Scenario: The document of an enrolled agent whose disconnect is refused does not change
    Given an enrolled agent
    And the agent's document tells that it is "online"
    When the agent disconnects with the RequestInstanceUid flag
    Then the agent's document still tells what it told before
