@contract.fleet
Feature: The new_instance_uid
  The identity that the server hands out is the agent's for good: it names the enrollment, sorts by
  time, and belongs to nobody else.

  Rule: It is a fresh UUID version 7

    @MUST @fleet.new-uid.other-than-incoming
    Scenario: An unknown agent is given an instance_uid other than its own
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then new_instance_uid differs from the instance_uid of the request

    @MUST @fleet.new-uid.other-than-incoming
    Scenario: An enrolled agent is given an instance_uid other than its own
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      Then new_instance_uid differs from the instance_uid of the request

    @MUST @fleet.new-uid.uuidv7
    Scenario: Fleet Server generates new_instance_uid as a UUID version 7
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then new_instance_uid is a UUID version 7

    @MUST @fleet.new-uid.time
    Scenario: The time in new_instance_uid is the time of enrollment
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then the time in new_instance_uid is within a day of now

    @MUST @fleet.new-uid.unique
    Scenario: Many agents are given as many instance_uids
      Given 32 unknown agents
      When the agents ask for a new instance_uid one after the other
      Then the announced instance_uids are all different

    @MUST @fleet.new-uid.unique
    Scenario: Many agents that ask at once are given as many instance_uids
      Given 32 unknown agents
      When the agents ask for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.new-uid.unique
    Scenario: No instance_uid was handed out before
      Given an unknown agent
      And the agent has been given a new_instance_uid
      And another agent has been given a new_instance_uid
      Then new_instance_uid was never handed out before

  Rule: The agent is enrolled under the announced instance_uid

    @MUST @fleet.new-uid.enrolled
    Scenario: An unknown agent is enrolled under its new_instance_uid
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled
    Scenario: An enrolled agent is enrolled anew under its new_instance_uid
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled
    Scenario: A disconnected agent is enrolled anew under its new_instance_uid
      Given an enrolled agent
      And the agent has disconnected
      And the agent has been given a new_instance_uid
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled
    Scenario: An agent that never described itself is enrolled under its new_instance_uid
      Given an unknown agent
      And the agent has been given a new_instance_uid before it described itself
      Then the agent is enrolled under its new_instance_uid

    @MUST @fleet.new-uid.enrolled
    Scenario: Every clone is enrolled under an instance_uid of its own
      Given an unknown agent
      When the agent and 3 clones of it ask for a new instance_uid at once
      Then an agent is enrolled under each announced instance_uid
