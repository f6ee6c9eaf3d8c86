@contract.fleet
Feature: An enrolled agent disconnects
  A disconnect ends a session, not an enrollment: the agent can come back with the same instance_uid.

  Rule: An enrolled agent may disconnect

    @MUST @fleet.disconnect.enrolled.plain
    Scenario: An enrolled agent disconnects
      Given an enrolled agent
      When the agent disconnects
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled.full-report
    Scenario: An enrolled agent reports its full status and disconnects in one message
      Given an enrolled agent
      When the agent disconnects with a full report
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled.unknown-flag
    Scenario: An enrolled agent disconnects with an unknown flag
      Given an enrolled agent
      When the agent disconnects with an unknown flag
      Then the message is accepted

    @MUST @fleet.disconnect.enrolled.new-uid
    Scenario: An agent disconnects with its new_instance_uid
      Given an enrolled agent
      And the agent has received a new_instance_uid
      And the agent has adopted its new_instance_uid
      And the agent has checked in
      When the agent disconnects
      Then the message is accepted

  Rule: A disconnected agent stays enrolled

    @MUST @fleet.disconnect.stays-enrolled.plain
    Scenario: A disconnected agent is still enrolled
      Given an enrolled agent
      And the agent has disconnected
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.disconnect.stays-enrolled.full-report
    Scenario: An agent that disconnected with a full report is still enrolled
      Given an enrolled agent
      And the agent has disconnected with a full report
      Then the agent is enrolled under its own instance_uid
