Feature: An instance_uid from the server
  An agent without a unique instance_uid asks the server for one, and uses it from then on.

  @implied @identification.request-uid.answered
  Scenario: An agent that asks for a new instance_uid receives one
    Given an unknown agent
    When the agent reports its full status with the RequestInstanceUid flag
    Then an instance_uid is announced

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
