@contract.fleet @transport.http
Feature: The documents of an agent that is enrolled again
  An agent with a new_instance_uid has a second document. The first document stays, with a mark, in case the agent
  comes back to it.

  Background:
    Given a fleet whose documents can be read

  @MUST @fleet.document.new-uid.identity
  Scenario: An agent that is enrolled again has a document with its new_instance_uid
    Given an unknown agent
    And the agent has received a new_instance_uid
    Then there is a document with the new_instance_uid

  @MUST @fleet.document.new-uid.like-any
  Scenario: The new document is like that of any enrolled agent
    Given an agent with every capability
    And the agent has received a new_instance_uid
    Then the document with the new_instance_uid is like that of any enrolled agent

  @MUST @fleet.document.new-uid.like-any-again
  Scenario: The new document of an enrolled agent is like that of any enrolled agent
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has received a new_instance_uid
    Then the document with the new_instance_uid is like that of any enrolled agent

  @MUST @fleet.document.namespaces.enrolled-again
  Scenario: The new document has the namespaces of the enrollment key
    Given an enrolled agent
    And the agent has received a new_instance_uid
    Then the document with the new_instance_uid has the namespaces of the enrollment key

  @MUST @fleet.document.policy.enrolled-again
  Scenario: The new document has the policy of the enrollment key
    Given an enrolled agent
    And the agent has received a new_instance_uid
    Then the document with the new_instance_uid has the policy of the enrollment key

  @MUST @fleet.document.new-uid.report
  Scenario: The report that came with the flag is in the new document
    Given an unknown agent
    And the agent has received a new_instance_uid
    Then the document with the new_instance_uid has the report of the agent

  @MUST @fleet.document.reenrolled.marked
  Scenario: The old document of an agent that is enrolled again is marked
    Given an enrolled agent
    And the agent has received a new_instance_uid
    Then the agent's document is marked as reenrolled

  @MUST @fleet.document.kept.enrolled-again
  Scenario: The mark changes nothing that the agent reported before
    Given an agent with every capability
    And the agent has reported its full status
    And the agent's document has the status "online"
    And the agent has received a new_instance_uid
    Then the agent's document has kept the rest

  @MUST @fleet.document.reenrolled.stays
  Scenario: The mark stays while the agent uses its new_instance_uid
    Given an enrolled agent
    And the agent has received a new_instance_uid
    And the agent has checked in with its new_instance_uid
    Then the agent's document is still marked as reenrolled

  @MUST @fleet.document.sequence-num.returned
  Scenario: The report of an agent that comes back to its old instance_uid is in its document
    Given an enrolled agent
    And the agent has received a new_instance_uid
    And the agent's document has been marked as reenrolled
    When the agent checks in
    Then the agent's document has its last sequence number

  @MUST @fleet.document.health.returned
  Scenario: The health that an agent reports when it comes back to its old instance_uid is in its document
    Given an enrolled agent
    And the agent's document has the status "online"
    And the agent has received a new_instance_uid
    And the agent's document has been marked as reenrolled
    When the agent reports that it is unhealthy
    Then the agent's document has its last health

  @MUST @fleet.document.reenrolled-cleared
  Scenario: The mark is removed when the agent comes back to its old instance_uid
    Given an enrolled agent
    And the agent has received a new_instance_uid
    And the agent's document has been marked as reenrolled
    When the agent checks in
    Then the agent's document is no longer marked
