@contract.fleet
Feature: The new_instance_uid
  The agent keeps the instance_uid that the server gives it. This instance_uid identifies the enrollment. It sorts by
  time, and no other agent has it.

  Rule: It is a new UUID version 7

    @MUST @fleet.new-uid.other-than-incoming.unknown-agent
    Scenario: An unknown agent receives another instance_uid than its own
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then new_instance_uid differs from the instance_uid of the request

    @MUST @fleet.new-uid.other-than-incoming.enrolled-agent
    Scenario: An enrolled agent receives another instance_uid than its own
      Given an enrolled agent
      And the agent has received a new_instance_uid
      Then new_instance_uid differs from the instance_uid of the request

    @MUST @fleet.new-uid.uuidv7.for-other-versions
    Scenario Outline: The new_instance_uid of an agent that has a UUID of version <version> is one of version 7
      Given an unknown agent whose instance_uid is a UUID of version <version>
      And the agent has received a new_instance_uid
      Then new_instance_uid is a UUID version 7

      Examples:
        | version |
        | 1       |
        | 4       |

    @MUST @fleet.new-uid.uuidv7
    Scenario: Fleet Server generates new_instance_uid as a UUID version 7
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then new_instance_uid is a UUID version 7

    @MUST @fleet.new-uid.time
    Scenario: The time in new_instance_uid is the time of enrollment
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then the time in new_instance_uid is within a day of now

    @MUST @fleet.new-uid.unique.in-a-row
    Scenario: Many agents that ask one after the other receive different instance_uids
      Given 32 unknown agents
      When the agents ask for a new instance_uid one after the other
      Then the announced instance_uids are all different

    @MUST @fleet.new-uid.unique.at-once
    Scenario: Many agents that ask at once receive different instance_uids
      Given 32 unknown agents
      When the agents ask for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.new-uid.unique.in-the-run
    Scenario: An instance_uid is announced only once
      Given an unknown agent
      And the agent has received a new_instance_uid
      And another agent has received a new_instance_uid
      Then new_instance_uid was never announced before

  Rule: The agent is enrolled under the announced instance_uid

    @MUST @fleet.new-uid.enrolled.unknown-agent
    Scenario: An unknown agent is enrolled under its new_instance_uid
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled.enrolled-agent
    Scenario: An enrolled agent is enrolled again under its new_instance_uid
      Given an enrolled agent
      And the agent has received a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled.disconnected-agent
    Scenario: A disconnected agent is enrolled again under its new_instance_uid
      Given an enrolled agent
      And the agent has disconnected
      And the agent has received a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled.undescribed
    Scenario: An agent that never described itself is enrolled under its new_instance_uid
      Given an unknown agent
      And the agent has received a new_instance_uid before it described itself
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled.clones
    Scenario: Each clone is enrolled under a different instance_uid
      Given an unknown agent
      When the agent and 3 clones of it ask for a new instance_uid at once
      Then an agent is enrolled under each announced instance_uid
