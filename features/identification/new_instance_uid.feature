Feature: An instance_uid from the server
  An agent without a unique instance_uid asks the server for one, and uses it from then on.

  @implied @identification.request-uid.answered.unknown-agent
  Scenario: An agent that asks for a new instance_uid receives one
    Given an unknown agent
    When the agent reports its full status with the RequestInstanceUid flag
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.known-agent
  Scenario: An agent that the server knows asks for a new instance_uid and receives one
    Given an agent that has reported its full status
    When the agent reports its full status with the RequestInstanceUid flag
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.check-in
  Scenario: An agent that asks in a check-in receives a new instance_uid, too
    Given an agent that has reported its full status
    And the agent has checked in 3 times
    When the agent checks in with the RequestInstanceUid flag
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.unknown-flag
  Scenario: An agent that also sets an unknown flag receives a new instance_uid, too
    Given an unknown agent
    When the agent reports its full status with the RequestInstanceUid flag and an unknown one
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.zero
  Scenario: An agent whose temporary instance_uid has only zeros receives a new instance_uid, too
    Given an agent whose instance_uid has only zeros
    When the agent reports its full status with the RequestInstanceUid flag
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.again
  Scenario: An agent that uses its new instance_uid can ask for another one
    Given an unknown agent
    And the agent has asked for a new instance_uid and adopted it
    When the agent reports its full status with the RequestInstanceUid flag
    Then an instance_uid is announced

  @implied @identification.request-uid.answered.at-once
  Scenario: Agents that ask at once receive a new instance_uid each
    Given 20 unknown agents
    When the agents ask for a new instance_uid at once
    Then each agent receives another instance_uid

  @MUST @identification.new-instance-uid.length
  Scenario: new_instance_uid has 16 bytes
    Given an unknown agent
    And the agent has asked for a new instance_uid and received one
    Then new_instance_uid has 16 bytes

  @SHOULD @identification.new-instance-uid.uuidv7
  Scenario: A new_instance_uid from the server is a UUID version 7
    Given an unknown agent
    And the agent has asked for a new instance_uid and received one of 16 bytes
    Then new_instance_uid is a UUID version 7

  @implied @identification.new-uid-is-served
  Scenario: An agent that uses its new instance_uid is served
    Given an unknown agent
    And the agent has asked for a new instance_uid and adopted it
    When the agent checks in
    Then the server answers without an error
