@agent
Feature: The instance_uid of an agent
  The server knows an agent by its instance_uid only. So each agent has one of its own, and keeps it until the server
  gives it another one.

  @MUST @identification.new-instance-uid.adopt.reports
  Scenario: An agent adopts the instance_uid that it is given
    Given an agent that has reported
    When the server gives the agent a new instance_uid
    Then the agent's next full report has the new instance_uid

  @MUST @identification.new-instance-uid.adopt.again
  Scenario: An agent adopts each instance_uid that it is given
    Given an agent that has reported
    When the server gives the agent a new instance_uid
    And the server asks for the agent's full state
    And the server gives the agent a new instance_uid
    Then the agent's next full report has the new instance_uid

  @MUST @identification.new-instance-uid.adopt.beside-flag
  Scenario: An agent that is also asked for its full state reports it under the new instance_uid
    Given an agent that has reported
    When the server gives the agent a new instance_uid, and asks for its full state at once
    Then the agent's report has the new instance_uid

  @MUST @identification.new-instance-uid.adopt.any-version
  Scenario: An agent adopts an instance_uid that is no UUID of the version 7
    Given an agent that has reported
    When the server gives the agent an instance_uid that is no UUID
    Then the agent's next full report has the new instance_uid

  @MUST @identification.instance-uid.length.given
  Scenario: An agent does not adopt an instance_uid that is too short
    Given an agent that has reported
    When the server gives the agent an instance_uid of 15 bytes
    Then the agent's next full report has an instance_uid of 16 bytes

  @transport.websocket @MUST @identification.new-instance-uid.adopt.reconnect
  Scenario: An agent keeps the instance_uid that it was given over a lost connection
    Given an agent that has reported
    When the server gives the agent a new instance_uid
    And the server asks for the agent's full state
    And the connection of the agent breaks
    Then the agent's next message has the new instance_uid

  @MUST @identification.new-instance-uid.kept
  Scenario: An agent keeps the instance_uid that it was given over a restart
    Given an agent that has reported
    When the server gives the agent a new instance_uid
    And the server asks for the agent's full state
    And the agent is restarted
    Then the agent's first message has the new instance_uid

  @SHOULD @identification.stable
  Scenario: An agent keeps its instance_uid after a lost connection
    Given an agent that has reported
    When the connection of the agent breaks
    Then the agent's next message has the same instance_uid

  @SHOULD @identification.self-generate
  Scenario: An agent that does not ask for an instance_uid has one of its own
    Given an agent that has reported
    Then the agent has an instance_uid of its own

  @SHOULD @identification.instance-uid.uuidv7
  Scenario: An agent makes its instance_uid as a UUID version 7
    Given an agent that has reported
    Then the agent's instance_uid is a UUID version 7

  @implied @identification.globally-unique
  Scenario: Two agents have different instance_uids
    Given an agent that has reported
    When another agent is started
    Then the agents have different instance_uids

  Rule: An agent may ask the server for its instance_uid

    @MUST @identification.request-uid.flag
    Scenario: An agent asks for an instance_uid by a flag
      Given an agent that asks the server for an instance_uid
      Then the agent's first message has the flag RequestInstanceUid

    @SHOULD @identification.request-uid.temporary
    Scenario: An agent that asks for an instance_uid has a temporary one
      Given an agent that asks the server for an instance_uid
      Then the agent's first message has a temporary instance_uid

    @SHOULD @identification.request-uid.temporary.once
    Scenario: An agent that was given its instance_uid asks for no other one
      Given an agent that asks the server for an instance_uid
      When the server gives the agent a new instance_uid
      Then the agent's next full report does not ask for an instance_uid
