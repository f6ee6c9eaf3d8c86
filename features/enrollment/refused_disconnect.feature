@contract.fleet
Feature: A refused agent_disconnect
  A disconnect must not create an enrollment. So an agent_disconnect with the RequestInstanceUid flag, or from an
  agent that is not enrolled, is a BadRequest and changes nothing.

  Background:
    Given a server that accepts agent_disconnect from an enrolled agent

  Rule: An agent that is not enrolled cannot disconnect

    @MUST @fleet.disconnect.unenrolled.plain
    Scenario: An unknown agent disconnects
      Given an unknown agent
      When the agent disconnects
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled.full-report
    Scenario: An unknown agent reports its full status and disconnects in one message
      Given an unknown agent
      When the agent disconnects with a full report
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled.twice
    Scenario: An unknown agent disconnects twice
      Given an unknown agent
      And the agent's agent_disconnect was refused
      When the agent disconnects
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled.unknown-flag
    Scenario: An unknown agent disconnects with an unknown flag
      Given an unknown agent
      When the agent disconnects with an unknown flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled.with-part
    Scenario Outline: An unknown agent disconnects in a message with <part>
      Given an unknown agent
      When the agent disconnects in a message with <part>
      Then the message is refused as a BadRequest

      Examples:
        | part                  |
        | a large configuration |
        | a custom message      |
        | an unknown capability |
        | the sequence number 0 |

    @transport.http @MUST @fleet.disconnect.unenrolled.compressed
    Scenario: An unknown agent disconnects in a message that is compressed with gzip
      Given an unknown agent
      When the agent disconnects in a compressed message
      Then the message is refused as a BadRequest

  Rule: One message cannot ask for a new instance_uid and disconnect

    @MUST @fleet.disconnect.with-flag.unknown-agent
    Scenario: An unknown agent disconnects with the flag
      Given an unknown agent
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag.enrolled-agent
    Scenario: An enrolled agent disconnects with the flag
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag.disconnected-agent
    Scenario: A disconnected agent disconnects again with the flag
      Given an enrolled agent
      And the agent has disconnected
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag.unknown-agent-full-report
    Scenario: An unknown agent disconnects with the flag and a full report
      Given an unknown agent
      When the agent disconnects with the RequestInstanceUid flag and a full report
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag.enrolled-agent-full-report
    Scenario: An enrolled agent disconnects with the flag and a full report
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag and a full report
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag.with-part
    Scenario Outline: An enrolled agent disconnects with the flag in a message with <part>
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag in a message with <part>
      Then the message is refused as a BadRequest

      Examples:
        | part                  |
        | an unknown flag       |
        | a description         |
        | a custom message      |
        | an unknown capability |
        | the sequence number 0 |

    @transport.http @MUST @fleet.disconnect.with-flag.compressed
    Scenario: An enrolled agent disconnects with the flag in a message that is compressed with gzip
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag in a compressed message
      Then the message is refused as a BadRequest

  Rule: A refused message changes nothing

    @MUST @fleet.disconnect.enrolls-nobody.plain
    Scenario: A refused disconnect does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect was refused
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.disconnect.enrolls-nobody.full-report
    Scenario: A refused disconnect with a full report does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect with a full report was refused
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.disconnect.enrolls-nobody.with-flag
    Scenario: A refused disconnect with the flag does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the agent is not enrolled under its own instance_uid
      And no new_instance_uid is announced

    @MUST @fleet.disconnect.echo.unknown-agent
    Scenario: The refusal of an unknown agent's disconnect is addressed to that agent
      Given an unknown agent
      And the agent's agent_disconnect was refused
      Then the response echoes the instance_uid of the request

    @MUST @fleet.disconnect.echo.with-flag
    Scenario: The refusal of an enrolled agent's disconnect with the flag is addressed to that agent
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the response echoes the instance_uid of the request

    @MUST @fleet.disconnect.changes-nothing.with-flag
    Scenario: An enrolled agent whose disconnect is refused stays enrolled
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.disconnect.changes-nothing.full-report
    Scenario: An enrolled agent whose disconnect with a full report is refused stays enrolled
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag and a full report was refused
      Then the agent is enrolled under its own instance_uid
