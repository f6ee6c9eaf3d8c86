@contract.fleet
Feature: An agent_disconnect that is refused
  Leaving cannot be joining. A disconnect that would have to enroll the agent first, because it asks
  for a new instance_uid or because nobody knows the agent, is a BadRequest and has no effect.

  Background:
    Given a server that accepts agent_disconnect from an enrolled agent

  Rule: An agent that is not enrolled cannot disconnect

    @MUST @fleet.disconnect.unenrolled
    Scenario: An unknown agent disconnects
      Given an unknown agent
      When the agent disconnects
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled
    Scenario: An unknown agent reports its full status and disconnects in one message
      Given an unknown agent
      When the agent disconnects with a full report
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled
    Scenario: An unknown agent disconnects twice
      Given an unknown agent
      And the agent's agent_disconnect was refused
      When the agent disconnects
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.unenrolled
    Scenario: An unknown agent disconnects with an unknown flag
      Given an unknown agent
      When the agent disconnects with an unknown flag
      Then the message is refused as a BadRequest

  Rule: Nobody can ask for a new instance_uid and disconnect in one message

    @MUST @fleet.disconnect.with-flag
    Scenario: An unknown agent disconnects with the flag
      Given an unknown agent
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag
    Scenario: An enrolled agent disconnects with the flag
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag
    Scenario: A disconnected agent disconnects again with the flag
      Given an enrolled agent
      And the agent has disconnected
      When the agent disconnects with the RequestInstanceUid flag
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag
    Scenario: An unknown agent disconnects with the flag and a full report
      Given an unknown agent
      When the agent disconnects with the RequestInstanceUid flag and a full report
      Then the message is refused as a BadRequest

    @MUST @fleet.disconnect.with-flag
    Scenario: An enrolled agent disconnects with the flag and a full report
      Given an enrolled agent
      When the agent disconnects with the RequestInstanceUid flag and a full report
      Then the message is refused as a BadRequest

  Rule: A refused message changes nothing

    @MUST @fleet.disconnect.enrolls-nobody
    Scenario: A refused disconnect does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect was refused
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.disconnect.enrolls-nobody
    Scenario: A refused disconnect with a full report does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect with a full report was refused
      Then the agent is not enrolled under its own instance_uid

    @MUST @fleet.disconnect.enrolls-nobody
    Scenario: A refused disconnect with the flag does not enroll the agent
      Given an unknown agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the agent is not enrolled under its own instance_uid
      And no new_instance_uid is announced

    @MUST @fleet.disconnect.echo
    Scenario: The refusal of an unknown agent's disconnect is addressed to it
      Given an unknown agent
      And the agent's agent_disconnect was refused
      Then the response echoes the instance_uid of the request

    @MUST @fleet.disconnect.echo
    Scenario: The refusal of an enrolled agent's disconnect with the flag is addressed to it
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the response echoes the instance_uid of the request

    @MUST @fleet.disconnect.changes-nothing
    Scenario: An enrolled agent whose disconnect is refused stays enrolled
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag was refused
      Then the agent is enrolled under its own instance_uid

    @MUST @fleet.disconnect.changes-nothing
    Scenario: An enrolled agent whose disconnect with a full report is refused stays enrolled
      Given an enrolled agent
      And the agent's agent_disconnect with the RequestInstanceUid flag and a full report was refused
      Then the agent is enrolled under its own instance_uid
