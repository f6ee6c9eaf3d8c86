@contract.fleet
Feature: An enrolled agent disconnects
  Disconnecting ends a session, not an enrollment: the agent may come back under the same instance_uid.

  Rule: An enrolled agent may disconnect

    @MUST @fleet.disconnect.enrolled
    Scenario: An enrolled agent disconnects
      Given an enrolled agent
      When the agent disconnects
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled
    Scenario: An enrolled agent reports its full status and disconnects in one message
      Given an enrolled agent
      When the agent disconnects with a full report
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled
    Scenario: An enrolled agent disconnects with an unknown flag
      Given an enrolled agent
      When the agent disconnects with an unknown flag
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled
    Scenario: An agent disconnects under its new_instance_uid
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      And the agent has adopted its new_instance_uid
      And the agent has checked in
      When the agent disconnects
      Then the message is accepted

  Rule: A disconnected agent stays enrolled

    @MUST @fleet.disconnect.stays-enrolled
    Scenario: A disconnected agent is still enrolled
      Given an enrolled agent
      And the agent has disconnected
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.disconnect.stays-enrolled
    Scenario: An agent that reported its full status as it left is still enrolled
      Given an enrolled agent
      And the agent has disconnected with a full report
      Then the agent is enrolled under its own instance_uid
