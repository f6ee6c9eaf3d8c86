@contract.fleet @transport.http
Feature: The documents of an agent that is enrolled again
  An agent with a new_instance_uid has a second document. The first document stays, with a mark, in case the agent
  comes back to it.

  Background:
    Given a fleet whose documents can be read

  @MUST @fleet.document.new-uid
  Scenario: An agent that is enrolled again has a document with its new_instance_uid
    Given an unknown agent
    And the agent has received a new_instance_uid
    Then there is a document with the new_instance_uid

  @MUST @fleet.document.reenrolled
  Scenario: The old document of an agent that is enrolled again is marked
    Given an enrolled agent
    And the agent has received a new_instance_uid
    Then the agent's document is marked as reenrolled

  @MUST @fleet.document.reenrolled-cleared
  Scenario: The mark is removed when the agent comes back to its old instance_uid
    Given an enrolled agent
    And the agent has received a new_instance_uid
    When the agent checks in
    Then the agent's document is no longer marked
