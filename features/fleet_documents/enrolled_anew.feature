@contract.fleet @transport.http
Feature: The documents of an agent that is enrolled anew
  A new_instance_uid means a second document. The first one stays, marked, in case the agent comes back to it.

  Background:
    Given a fleet whose documents can be looked at

  @MUST @fleet.document.new-uid
  Scenario: An agent that is enrolled anew has a document under its new_instance_uid
    Given an unknown agent
    And the agent has been given a new_instance_uid
    Then there is a document that tells the new_instance_uid

  @MUST @fleet.document.reenrolled
  Scenario: The old document of an agent that is enrolled anew is marked
    Given an enrolled agent
    And the agent has been given a new_instance_uid
    Then the agent's document is marked as reenrolled

  @MUST @fleet.document.reenrolled-cleared
  Scenario: An agent that comes back to its old instance_uid loses the mark
    Given an enrolled agent
    And the agent has been given a new_instance_uid
    When the agent checks in
    Then the agent's document is not marked any more
