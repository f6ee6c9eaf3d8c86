@contract.fleet
Feature: An agent asks for a new instance_uid
  A cloned machine starts with the instance_uid of the original machine, and a new machine may not have a unique
  instance_uid. Such an agent sets the RequestInstanceUid flag. Fleet Server enrolls it under a new instance_uid,
  whether or not it knows the agent.

  Rule: The flag always creates a new enrollment

    @MUST @fleet.request-uid.unknown-agent.full-report
    Scenario: An unknown agent asks for an instance_uid
      Given an unknown agent
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent.undescribed
    Scenario: An unknown agent asks for an instance_uid before it describes itself
      Given an unknown agent
      When the agent checks in with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent.unknown-flag
    Scenario: An unknown agent asks for an instance_uid and sets an unknown flag
      Given an unknown agent
      When the agent reports its full status with the RequestInstanceUid flag and an unknown one
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent.any-configuration
    Scenario: An unknown agent with a configuration that is not YAML asks for an instance_uid
      Given an unknown agent
      When the agent reports a configuration that is not YAML with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent.zero
    Scenario: An agent whose temporary instance_uid has only zeros asks for an instance_uid
      Given an agent whose instance_uid has only zeros
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.unknown-agent.with-part
    Scenario Outline: An unknown agent asks for an instance_uid in a message with <part>
      Given an unknown agent
      When the agent asks for a new instance_uid in a message with <part>
      Then a new_instance_uid is announced

      Examples:
        | part                              |
        | a description                     |
        | a configuration                   |
        | a large configuration             |
        | a package that is being installed |
        | the status of its configuration   |
        | custom capabilities               |
        | a custom message                  |
        | a certificate request             |
        | an unknown capability             |
        | the sequence number 0             |

    @MUST @fleet.request-uid.known-agent.full-report
    Scenario: An enrolled agent asks for a new instance_uid
      Given an enrolled agent
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent.check-in
    Scenario: An enrolled agent asks for a new instance_uid in a check-in
      Given an enrolled agent
      When the agent checks in with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent.disconnected
    Scenario: A disconnected agent asks for a new instance_uid
      Given an enrolled agent
      And the agent has disconnected
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent.returned
    Scenario: An agent that disconnected and came back asks for a new instance_uid
      Given an enrolled agent
      And the agent has disconnected
      And the agent has checked in
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

    @MUST @fleet.request-uid.known-agent.adopted
    Scenario: An agent that adopted its new_instance_uid asks for another one
      Given an unknown agent
      And the agent has received a new_instance_uid
      And the agent has adopted its new_instance_uid
      When the agent reports its full status with the RequestInstanceUid flag
      Then a new_instance_uid is announced

  Rule: Each request is answered with another instance_uid

    @MUST @fleet.request-uid.every-time.unknown-agent
    Scenario: An unknown agent asks again before it adopts
      Given an unknown agent
      When the agent asks for a new instance_uid 3 times in a row
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time.enrolled-agent
    Scenario: An enrolled agent asks again before it adopts
      Given an enrolled agent
      When the agent asks for a new instance_uid 3 times in a row
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time.clones-of-unknown
    Scenario: Clones of an unknown agent ask at the same time
      Given an unknown agent
      When the agent and 7 clones of it ask for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.request-uid.every-time.clones-of-enrolled
    Scenario: Clones of an enrolled agent ask at the same time
      Given an enrolled agent
      When the agent and 7 clones of it ask for a new instance_uid at once
      Then the announced instance_uids are all different

  Rule: The response echoes the incoming instance_uid

    @MUST @fleet.request-uid.echo.unknown-agent
    Scenario: The answer to an unknown agent is addressed to its temporary instance_uid
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then the response echoes the instance_uid of the request

    @MUST @fleet.request-uid.echo.enrolled-agent
    Scenario: The answer to an enrolled agent is addressed to its old instance_uid
      Given an enrolled agent
      And the agent has received a new_instance_uid
      Then the response echoes the instance_uid of the request

  Rule: The old enrollment stays, and none is created under a temporary instance_uid

    @MUST @fleet.request-uid.old-enrollment-stays.before-adoption
    Scenario: An enrolled agent stays enrolled under its old instance_uid
      Given an enrolled agent
      And the agent has received a new_instance_uid
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.request-uid.old-enrollment-stays.after-adoption
    Scenario: An agent that adopted its new_instance_uid stays enrolled under the old one
      Given an enrolled agent
      And the agent has received a new_instance_uid
      And the agent has checked in with its new_instance_uid
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.request-uid.temporary-uid.before-adoption
    Scenario: An unknown agent is not enrolled under its temporary instance_uid
      Given an unknown agent
      And the agent has received a new_instance_uid
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.request-uid.temporary-uid.after-adoption
    Scenario: An unknown agent that adopted its new_instance_uid is not enrolled under the temporary one
      Given an unknown agent
      And the agent has received a new_instance_uid
      And the agent has checked in with its new_instance_uid
      Then the agent is not enrolled under its own instance_uid
