@contract.fleet
Feature: An agent asks for a new instance_uid
  A cloned machine wakes up with its twin's instance_uid; a fresh one may have none to vouch for.
  Such an agent sets RequestInstanceUid, and Fleet Server enrolls it anew, whoever it was before.

  Rule: The flag always means a new enrollment

    @MUST @fleet.request-uid.unknown-agent
    Scenario: An unknown agent asks for an instance_uid
      Given an unknown agent
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent
    Scenario: An unknown agent asks for an instance_uid before it describes itself
      Given an unknown agent
      When the agent checks in with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent
    Scenario: An unknown agent asks for an instance_uid with an unknown flag beside it
      Given an unknown agent
      When the agent reports its full status with the RequestInstanceUid flag and an unknown one
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent
    Scenario: An enrolled agent asks for a new instance_uid
      Given an enrolled agent
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent
    Scenario: An enrolled agent asks for a new instance_uid in a plain check-in
      Given an enrolled agent
      When the agent checks in with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent
    Scenario: A disconnected agent asks for a new instance_uid
      Given an enrolled agent
      And the agent has disconnected
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent
    Scenario: An agent that came back asks for a new instance_uid
      Given an enrolled agent
      And the agent has disconnected
      And the agent has checked in
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent
    Scenario: An agent that adopted its new_instance_uid asks for another
      Given an unknown agent
      And the agent has been given a new_instance_uid
      And the agent has adopted its new_instance_uid
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

  Rule: Every request brings another instance_uid

    @MUST @fleet.request-uid.every-time
    Scenario: An unknown agent asks again before it adopts
      Given an unknown agent
      When the agent asks for a new instance_uid 3 times in a row
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time
    Scenario: An enrolled agent asks again before it adopts
      Given an enrolled agent
      When the agent asks for a new instance_uid 3 times in a row
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time
    Scenario: Two machines with the same instance_uid ask at the same moment
      Given an unknown agent
      When the agent and 7 clones of it ask for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time
    Scenario: Clones of an enrolled agent ask at the same moment
      Given an enrolled agent
      When the agent and 7 clones of it ask for a new instance_uid at once
      Then the announced instance_uids are all different

  Rule: The response echoes the incoming instance_uid

    @MUST @fleet.request-uid.echo
    Scenario: The answer to an unknown agent is addressed to the instance_uid it came with
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then the response echoes the instance_uid of the request

    @MUST @fleet.request-uid.echo
    Scenario: The answer to an enrolled agent is addressed to its old instance_uid
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      Then the response echoes the instance_uid of the request

  Rule: The old enrollment stays, and none is made under a temporary instance_uid

    @MUST @fleet.request-uid.old-enrollment-stays
    Scenario: An enrolled agent stays enrolled under its old instance_uid
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.request-uid.old-enrollment-stays
    Scenario: An agent that adopted stays enrolled under its old instance_uid
      Given an enrolled agent
      And the agent has been given a new_instance_uid
      And the agent has checked in under its new_instance_uid
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.request-uid.temporary-uid
    Scenario: An unknown agent is not enrolled under its temporary instance_uid
      Given an unknown agent
      And the agent has been given a new_instance_uid
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.request-uid.temporary-uid
    Scenario: An unknown agent that adopted is not enrolled under its temporary instance_uid
      Given an unknown agent
      And the agent has been given a new_instance_uid
      And the agent has checked in under its new_instance_uid
      Then the agent is not enrolled under its own instance_uid
