@contract.fleet
Feature: Agents that bring their own instance_uid
  Without the flag the agent's instance_uid is its identity: known, it checks in; unknown, it is enrolled.

  Rule: An enrolled agent checks in

    @MUST @fleet.check-in
    Scenario: An enrolled agent has nothing new to say
      Given an enrolled agent
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in
    Scenario: An enrolled agent reports its full status again
      Given an enrolled agent
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in
    Scenario: An enrolled agent checks in with an unknown flag
      Given an enrolled agent
      When the agent checks in with an unknown flag
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in
    Scenario: A disconnected agent comes back
      Given an enrolled agent
      And the agent has disconnected
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in
    Scenario: An agent checks in under its new_instance_uid
      Given an unknown agent
      And the agent has been given a new_instance_uid
      And the agent has adopted its new_instance_uid
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

  Rule: An unknown agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment
    Scenario: An unknown agent reports its full status
      Given an unknown agent
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment
    Scenario: An unknown agent checks in before it describes itself
      Given an unknown agent
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment
    Scenario: An unknown agent reports its full status with an unknown flag
      Given an unknown agent
      When the agent reports its full status with an unknown flag
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment
    Scenario: An agent whose disconnect was refused enrolls
      Given an unknown agent
      And the agent's agent_disconnect was refused
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid
