@contract.fleet
Feature: An agent without the RequestInstanceUid flag
  Without the flag, the agent keeps its own instance_uid. A known agent checks in; an unknown agent is enrolled.

  Rule: An enrolled agent checks in

    @MUST @fleet.check-in.no-change
    Scenario: An enrolled agent has no change to report
      Given an enrolled agent
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in.full-report
    Scenario: An enrolled agent reports its full status again
      Given an enrolled agent
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in.unknown-flag
    Scenario: An enrolled agent checks in with an unknown flag
      Given an enrolled agent
      When the agent checks in with an unknown flag
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in.returned
    Scenario: A disconnected agent comes back
      Given an enrolled agent
      And the agent has disconnected
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.check-in.new-uid
    Scenario: An agent checks in with its new_instance_uid
      Given an unknown agent
      And the agent has received a new_instance_uid
      And the agent has adopted its new_instance_uid
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced

  Rule: An unknown agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.full-report
    Scenario: An unknown agent reports its full status
      Given an unknown agent
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.undescribed
    Scenario: An unknown agent checks in before it describes itself
      Given an unknown agent
      When the agent checks in
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.unknown-flag
    Scenario: An unknown agent reports its full status with an unknown flag
      Given an unknown agent
      When the agent reports its full status with an unknown flag
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.uuid
    Scenario Outline: An unknown agent whose instance_uid is a UUID of version <version> keeps it
      Given an unknown agent whose instance_uid is a UUID of version <version>
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

      Examples:
        | version |
        | 1       |
        | 4       |

    @MUST @fleet.auto-enrollment.no-uuid
    Scenario: An unknown agent whose instance_uid is no UUID keeps it
      Given an unknown agent whose instance_uid is no UUID
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.only-uid
    Scenario: An unknown agent sends only its instance_uid
      Given an unknown agent
      When the agent sends only its instance_uid
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid

    @MUST @fleet.auto-enrollment.after-refusal
    Scenario: An agent whose disconnect was refused is enrolled when it reports
      Given an unknown agent
      And the agent's agent_disconnect was refused
      When the agent reports its full status
      Then the message is accepted
      And no new_instance_uid is announced
      And the agent is enrolled under its own instance_uid
